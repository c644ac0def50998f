/** What should go goes, and nothing else does, whatever is refused, lost or late. */
import * as told from './lifecycle-stories.js';
import { weather } from './storm.js';

const stories = [told.family, told.circle, told.orphans, told.doomedNamespace, told.accounts, told.aggregation];
weather('what depends on something lives and dies with it', { stories, recorded: [], rounds: 20 });
