/** From a write to its event: one paced write at a time, and many writes to many watchers at once. */
import { ask, collection, configMap, type Load, openMany, type Part } from './client.js';

const pacedUpdates = 200;
/** A hundred watchers, and so many that one busy resource is nearly all that the server does. */
const fans = [
  { watchers: 100, creates: 500 },
  { watchers: 1000, creates: 100 },
];
const fanWriters = 16;
const fanTurns = 3;

/** From sending an update until the last of all watchers has its event. */
export const measureWatches: Part = async ({ request, clock, report }) => {
  for (const count of request.watchers) {
    const [writer, ...watchers] = await openMany(request.access, count + 1);
    await ask(writer!, 'POST', collection, configMap('watched'));
    let seen: () => void = () => {};
    const started = watchers.map((watcher) => {
      let first: () => void = () => {};
      const begun = new Promise<void>((resolve) => {
        first = resolve;
      });
      const path = `${collection}?watch=true&fieldSelector=metadata.name%3Dwatched`;
      let events = 0;
      watcher
        .count(path, () => {
          if (events++ === 0) first();
          else seen();
        })
        .catch(() => {}); // closed by us; one that ends too early is waited for in vain
      return begun;
    });
    await Promise.all(started);
    const samples: number[] = [];
    for (let turn = 0; turn < pacedUpdates; turn++) {
      let left = count;
      const all = new Promise<void>((resolve) => {
        seen = () => {
          if (--left === 0) resolve();
        };
      });
      const sentMs = clock.monotonic();
      await ask(writer!, 'PUT', `${collection}/watched`, configMap('watched', String(turn)));
      await all;
      samples.push(clock.monotonic() - sentMs);
    }
    const whom = count === 1 ? '1 watcher' : `${count} watchers, the last one`;
    report({ name: `write to event, ${whom}`, unit: 'ms', samples });
    await ask(writer!, 'DELETE', collection);
    for (const connection of [writer!, ...watchers]) connection.close();
  }
};

/** Events that reach all watchers a second while objects are created as fast as they can be. */
export const measureFanOut: Part = async (load) => {
  for (const fan of fans) {
    const name = `events, ${fan.watchers} watchers of ${fan.creates} creates`;
    load.report({ name, unit: '1/s', samples: await fanOut(load, fan) });
  }
};

/** The watches go on from turn to turn: to open a thousand connections takes longer than all that they are told. */
async function fanOut({ request, clock }: Load, fan: { watchers: number; creates: number }): Promise<number[]> {
  const watchers = await openMany(request.access, fan.watchers);
  const writers = await openMany(request.access, fanWriters);
  const { metadata } = JSON.parse((await ask(writers[0]!, 'GET', `${collection}?limit=1`)).toString());
  const events = fan.watchers * fan.creates;
  let left = 0;
  let finish: () => void = () => {};
  for (const watcher of watchers) {
    watcher
      .count(`${collection}?watch=true&resourceVersion=${metadata.resourceVersion}`, () => {
        if (--left === 0) finish();
      })
      .catch(() => {}); // closed by us
  }
  const samples: number[] = [];
  for (let turn = 0; turn < fanTurns; turn++) {
    left = events;
    const all = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const startedMs = clock.monotonic();
    await Promise.all(
      writers.map(async (writer, worker) => {
        for (let index = worker; index < fan.creates; index += fanWriters)
          await ask(writer, 'POST', collection, configMap(`fan-${turn}-${index}`));
      }),
    );
    await all;
    samples.push((1000 * events) / (clock.monotonic() - startedMs));
  }
  await ask(writers[0]!, 'DELETE', collection);
  for (const connection of [...watchers, ...writers]) connection.close();
  return samples;
}
