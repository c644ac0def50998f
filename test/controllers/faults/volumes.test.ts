/** No volume is given twice, nothing goes that is in use, and nothing stays that belongs to nobody. */
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import { weather } from './storm.js';
import * as told from './volume-stories.js';

const stories = [told.binding, told.protection, told.ephemeral, told.deviceClaims];
weather('volumes and devices are given once and taken back', {
  stories,
  recorded: [pods, claims, volumes],
  rounds: 20,
});
