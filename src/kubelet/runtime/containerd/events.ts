/**
 * What containerd says of tasks and containers, as RuntimeEvents. An exit is passed on only when CRI shows it too: the
 * event leaves the shim before CRI has taken note, and a kubelet that asked in between would see a running container.
 */
import type { Clock } from '#base/clock.js';
import { type Channel, GrpcError } from '#base/grpc/channel.js';
import type { Log } from '#base/log.js';
import { EventQueue } from '../event-queue.js';
import type { RuntimeEvent } from '../runtime.js';
import { containerEvent, criNamespace, eventsService, taskEvent, taskExitEvent } from './content.js';

export interface EventSource {
  channel: Channel;
  clock: Clock;
  log: Log;
  /** Whether CRI says that the container or sandbox runs. */
  isRunning(id: string): Promise<boolean>;
}

const retryMsMin = 50;
const retryMsMax = 5_000;
/** How long CRI may lag behind containerd's own event. */
const exitLagMsMax = 2_000;

export async function* containerdEvents(source: EventSource, signal: AbortSignal): AsyncIterable<RuntimeEvent> {
  const queue = new EventQueue();
  const subscribed = subscribeForever(source, { signal, push: (event) => queue.push(event) });
  yield* queue.read(signal);
  await subscribed;
}

async function subscribeForever(
  source: EventSource,
  options: { signal: AbortSignal; push: (event: RuntimeEvent) => void },
): Promise<void> {
  const { channel, clock, log } = source;
  const { signal, push } = options;
  const filters = ['tasks/start', 'tasks/exit', 'tasks/oom', 'containers/delete'].map(
    (topic) => `namespace==k8s.io,topic=="/${topic}"`,
  );
  let retryMs = retryMsMin;
  while (!signal.aborted) {
    try {
      const request = channel.serverStream(eventsService.subscribe, { filters }, { metadata: criNamespace, signal });
      for await (const { topic, event } of request) {
        retryMs = retryMsMin;
        void translate(source, { topic, value: event?.value ?? Buffer.alloc(0), push }).catch((failure) => {
          log.warn('An event of the runtime was lost', { topic, err: failure });
        });
      }
    } catch (failure) {
      if (signal.aborted) return;
      if (!(failure instanceof GrpcError)) throw failure;
      log.warn('The runtime stopped telling its events; asking again', { err: failure, retryMs });
    }
    await clock.sleep(retryMs, signal).catch(() => {});
    retryMs = Math.min(retryMs * 2, retryMsMax);
  }
}

async function translate(
  source: EventSource,
  event: { topic: string; value: Buffer; push: (event: RuntimeEvent) => void },
): Promise<void> {
  const { topic, value, push } = event;
  if (topic === '/containers/delete') {
    push({ type: 'deleted', id: containerEvent.decode(value).id });
    return;
  }
  if (topic === '/tasks/exit') {
    const { containerId, id } = taskExitEvent.decode(value);
    // A command run by exec has an id of its own.
    if (id !== containerId) return;
    await untilExitShows(source, containerId);
    push({ type: 'exited', id: containerId });
    return;
  }
  push({ type: topic === '/tasks/oom' ? 'oom' : 'started', id: taskEvent.decode(value).containerId });
}

async function untilExitShows({ clock, isRunning }: EventSource, id: string): Promise<void> {
  const deadlineMs = clock.monotonic() + exitLagMsMax;
  let waitMs = 2;
  while (clock.monotonic() < deadlineMs && (await isRunning(id))) {
    await clock.sleep(waitMs);
    waitMs = Math.min(waitMs * 2, 100);
  }
}
