/** The client process of the `api` suite: a process of its own, so that it takes neither the server's nor the measurer's time. */
import { SystemClock } from '#base/clock.js';
import { type Load, type LoadRequest, type Part, type PartName, Server } from './client.js';
import { measureDocuments } from './documents.js';
import { measureLarge } from './large.js';
import { measureLists } from './lists.js';
import { measurePods } from './pods.js';
import { measureRequests } from './requests.js';
import { measureFanOut, measureWatches } from './watches.js';

const request = await new Promise<LoadRequest>((resolve) =>
  process.once('message', (message) => resolve(message as LoadRequest)),
);
const figures: Parameters<Load['report']>[0][] = [];
const load: Load = {
  request: { ...request, server: new Server(request.pid) },
  clock: new SystemClock(),
  report: (figure) => figures.push(figure),
};
const parts: Record<PartName, Part> = {
  requests: measureRequests,
  watches: measureWatches,
  'fan-out': measureFanOut,
  lists: measureLists,
  large: measureLarge,
  documents: measureDocuments,
  pods: measurePods,
};
for (const name of request.parts) await parts[name](load);
process.send!({ figures }, () => process.exit(0));
