/** What is asked for is given, once, and taken back when its time is over. */
import certificateSigningRequests from '#api/certificates/certificatesigningrequest.js';
import * as told from './issue-stories.js';
import { weather } from './storm.js';

const stories = [told.certificates, told.bootstrapTokens, told.mirroring, told.autoscaling];
weather('what is asked for is given once', { stories, recorded: [certificateSigningRequests], rounds: 25 });
