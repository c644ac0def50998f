/** Images that nobody uses, on a disk that fills up. */
import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { ImageGarbage } from './image-garbage.js';
import type { PodStates } from './pod-states.js';
import { pauseReference } from './runtime/images/pause.js';
import type { ImageInfo, Runtime } from './runtime/runtime.js';
import { defaultKubeletSettings, type KubeletSettings } from './settings.js';

const gibi = 2 ** 30;

function machine(settings: Partial<KubeletSettings> = {}) {
  const clock = new VirtualClock();
  const [events, counted]: [string[], string[]] = [[], []];
  const state = { availableGi: 50, inUse: [] as string[], images: [] as ImageInfo[], refuses: '' };
  const add = (id: string, sizeGi: number, more: Partial<ImageInfo> = {}) =>
    state.images.push({ id, tags: [`${id}:1`], digests: [], sizeBytes: sizeGi * gibi, ...more });
  const runtime = {
    images: async () => [...state.images],
    removeImage: async (id: string) => {
      if (id === state.refuses) throw new Error('it is busy');
      state.images = state.images.filter((image) => image.id !== id);
    },
  } as Partial<Runtime> as Runtime;
  const states = {
    uids: () => ['u'],
    of: () => ({ containers: state.inUse.map((imageId) => ({ imageId })) }),
  } as unknown as PodStates;
  const garbage = new ImageGarbage({
    nodeName: 'n',
    context: {
      clock,
      log: silentLog,
      runtime,
      states,
      metrics: { countRemovedImage: (reason) => counted.push(reason) },
      events: { event: (_, { reason, message }) => events.push(`${reason}: ${message}`) },
    },
    settings: { ...defaultKubeletSettings, ...settings },
    usage: async () => ({
      atMs: 0,
      usedBytes: 0,
      inodesUsed: 0,
      capacityBytes: 100 * gibi,
      availableBytes: state.availableGi * gibi,
    }),
  });
  return { clock, garbage, events, counted, state, add, ids: () => state.images.map(({ id }) => id) };
}

test('from 85 percent on, the longest unused go until 80 percent are left', async () => {
  const { clock, garbage, state, add, ids } = machine();
  for (const id of ['old', 'used-lately', 'in-use']) add(id, 3);
  add('pinned', 9, { isPinned: true });
  add('pause', 9, { tags: [pauseReference] });
  state.inUse = ['used-lately', 'in-use'];
  await garbage.collect();
  state.inUse = ['in-use'];
  await clock.advance(300_000);
  state.availableGi = 16;
  await garbage.collect();
  expect(ids()).toHaveLength(5);
  state.availableGi = 15;
  add('new', 3);
  await garbage.collect();
  // 5 Gi are wanted; what was pulled a moment ago may be for a container that is about to start.
  expect(ids()).toEqual(['in-use', 'pinned', 'pause', 'new']);
});

test('where too little can be freed, the node is told of', async () => {
  const { clock, garbage, events, state, add } = machine();
  add('a', 1);
  await garbage.collect();
  await clock.advance(300_000);
  state.availableGi = 5;
  const message =
    "Insufficient free disk space on the node's image filesystem (95% of 100.0 GiB used). Failed to free sufficient space by " +
    'deleting unused images (freed 1073741824 bytes). Investigate disk usage, as it could be used by active images, logs, volumes, or other data.';
  await expect(garbage.collect()).rejects.toThrow(message);
  expect(events).toEqual([`FreeDiskSpaceFailed: ${message}`]);
  const end = new AbortController();
  const running = garbage.run(end.signal);
  await clock.advance(300_001);
  expect(events.slice(1)).toHaveLength(3);
  expect(events.at(-1)).toMatch(/^ImageGCFailed: Insufficient free disk space/);
  end.abort();
  await running;
});

test('one image that cannot be removed keeps no other', async () => {
  const { clock, garbage, state, add, ids } = machine();
  for (const id of ['a', 'b', 'c']) add(id, 1);
  await garbage.collect();
  await clock.advance(300_000);
  state.refuses = 'a';
  await expect(garbage.removeUnused()).rejects.toThrow('it is busy');
  expect(ids()).toEqual(['a']);
});

test('images of an age go though there is room, once the kubelet has run for so long', async () => {
  const { clock, garbage, counted, add, ids } = machine({ maximumImageGcAge: 600_000 });
  add('a', 1);
  await garbage.collect();
  await clock.advance(600_000);
  await garbage.collect();
  expect(ids()).toEqual(['a']);
  await clock.advance(1);
  await garbage.collect();
  expect([ids(), counted]).toEqual([[], ['age']]);
});
