/**
 * The messages and methods of containerd's own services (content, images, leases, events) that CRI has no words for:
 * importing images without a registry, and hearing of changes at once.
 */
import type { Method } from '#base/grpc/channel.js';
import { bytes, type Fields, int, list, type Message, map, message, nested, string } from '#base/grpc/message.js';

/** Everything that CRI makes is in this namespace of containerd. */
export const criNamespace = { 'containerd-namespace': 'k8s.io' } as const;

const empty = message({});
const descriptor = message({ mediaType: string(1), digest: string(2), size: int(3), annotations: map(5) });
const imageRecord = message({ name: string(1), labels: map(2), target: nested(3, descriptor) });
const contentInfo = message({ digest: string(1), size: int(2), labels: map(5) });
const any = message({ typeUrl: string(1), value: bytes(2) });

export const writeAction = { stat: 0, write: 1, commit: 2 } as const;

function service(name: string) {
  return <In extends Fields, Out extends Fields>(
    method: string,
    request: Message<In>,
    response: Message<Out>,
  ): Method<In, Out> => ({ path: `/containerd.services.${name}/${method}`, request, response });
}

const content = service('content.v1.Content');
const images = service('images.v1.Images');
const leases = service('leases.v1.Leases');
const events = service('events.v1.Events');

export const contentService = {
  info: content('Info', message({ digest: string(1) }), message({ info: nested(1, contentInfo) })),
  update: content(
    'Update',
    message({ info: nested(1, contentInfo), updateMask: nested(2, message({ paths: list(string(1)) })) }),
    empty,
  ),
  write: content(
    'Write',
    message({
      action: int(1),
      ref: string(2),
      total: int(3),
      expected: string(4),
      offset: int(5),
      data: bytes(6),
      labels: map(7),
    }),
    message({ action: int(1), offset: int(4), total: int(5), digest: string(6) }),
  ),
  abort: content('Abort', message({ ref: string(1) }), empty),
};

export const imagesService = {
  create: images('Create', message({ image: nested(1, imageRecord) }), message({ image: nested(1, imageRecord) })),
  update: images('Update', message({ image: nested(1, imageRecord) }), message({ image: nested(1, imageRecord) })),
};

export const leasesService = {
  create: leases(
    'Create',
    message({ id: string(1), labels: map(3) }),
    message({ lease: nested(1, message({ id: string(1) })) }),
  ),
  delete: leases('Delete', message({ id: string(1) }), empty),
};

export const eventsService = {
  subscribe: events(
    'Subscribe',
    message({ filters: list(string(1)) }),
    message({ namespace: string(2), topic: string(3), event: nested(4, any) }),
  ),
};

/** What we read of TaskStart, TaskOOM and TaskExit; they have no more in common. */
export const taskEvent = message({ containerId: string(1) });
/** `id` is the exec's, or the container's again. */
export const taskExitEvent = message({ containerId: string(1), id: string(2) });
export const containerEvent = message({ id: string(1) });
