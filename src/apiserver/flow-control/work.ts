/**
 * How much work a request is: the seats that it takes while it runs, and those that its consequences take afterwards.
 * https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#seats-occupied-by-a-request
 */
import { isTrue, type RequestInfo, type ResourceRequest } from '../request-info.js';

export interface Work {
  seats: number;
  /** Held on to after the answer, for as long as `lingerMs`. */
  finalSeats: number;
  lingerMs: number;
}

/** What is known of a resource without reading it. */
export interface ResourceLoad {
  objects: number;
  bytesAverage: number;
  watchers: number;
}

export type LoadOf = (resource: ResourceRequest) => ResourceLoad | undefined;

const bytesPerSeat = 100_000;
/** A list is sent in slices, however long it is. */
const bytesAtOnceMax = 1_000_000;
const listSeatsMax = 100;
const writeSeatsMax = 10;
const watchersPerSeat = 10;
const eventMs = 5;

export const plainWork: Work = Object.freeze({ seats: 1, finalSeats: 0, lingerMs: 0 });

/** `seatsMax` is the priority level's; 0: it has none. */
export function estimateWork(info: RequestInfo, { loadOf, seatsMax }: { loadOf: LoadOf; seatsMax: number }): Work {
  const { verb, resource, query } = info;
  if (!resource) return plainWork;
  switch (verb) {
    case 'watch':
      return bringsInitialEvents(query) ? listWork(info, resource, { loadOf, seatsMax }) : plainWork;
    case 'list':
      return listWork(info, resource, { loadOf, seatsMax });
    case 'create':
    case 'update':
    case 'patch':
    case 'delete':
      return writeWork(resource, { loadOf, seatsMax });
    default:
      return plainWork;
  }
}

function bringsInitialEvents(query: URLSearchParams): boolean {
  const version = query.get('resourceVersion');
  return !version || version === '0' || isTrue(query.get('sendInitialEvents'));
}

function listWork(
  { query }: RequestInfo,
  resource: ResourceRequest,
  { loadOf, seatsMax }: { loadOf: LoadOf; seatsMax: number },
): Work {
  const load = resource.name ? undefined : loadOf(resource);
  if (!load) return plainWork;
  const limit = Number(query.get('limit')) || load.objects;
  const bytes = Math.min(Math.min(limit, load.objects) * load.bytesAverage, bytesAtOnceMax);
  const seats = Math.min(Math.ceil(bytes / bytesPerSeat), ceiling(listSeatsMax, seatsMax));
  return seats <= 1 ? plainWork : { seats, finalSeats: 0, lingerMs: 0 };
}

/** Each watcher is told of a write: a tenth of a seat for some milliseconds. */
function writeWork(resource: ResourceRequest, { loadOf, seatsMax }: { loadOf: LoadOf; seatsMax: number }): Work {
  if (resource.resource === 'serviceaccounts' && resource.subresource === 'token') return plainWork;
  const watchers = loadOf(resource)?.watchers ?? 0;
  if (watchers < watchersPerSeat) return plainWork;
  const wanted = Math.ceil(watchers / watchersPerSeat);
  const finalSeats = Math.min(wanted, ceiling(writeSeatsMax, seatsMax));
  return { seats: 1, finalSeats, lingerMs: (wanted * eventMs) / finalSeats };
}

function ceiling(limit: number, seatsMax: number): number {
  return seatsMax === 0 ? limit : Math.min(limit, seatsMax);
}
