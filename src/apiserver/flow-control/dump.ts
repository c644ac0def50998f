/**
 * `/debug/api_priority_and_fairness/`: the levels, their queues and the requests in them, as tables for people.
 * https://kubernetes.io/docs/reference/debug-cluster/flow-control/
 */
import type { Clock } from '#base/clock.js';
import type { UserInfo } from '../authentication/authenticator.js';
import { type Answer, plainText } from '../call.js';
import type { RequestInfo } from '../request-info.js';
import type { Level } from './levels.js';
import type { Ticket } from './ticket-queue.js';

type Row = readonly (string | number | boolean)[];

const root = '/debug/api_priority_and_fairness/';

export interface DumpRequest {
  path: string;
  query: URLSearchParams;
}

/** Undefined for a path that is not its own. */
export function dumpFlowControl(
  { path, query }: DumpRequest,
  { levels, clock }: { levels: ReadonlyMap<string, Level>; clock: Clock },
): Answer | undefined {
  if (!path.startsWith(root)) return undefined;
  const sorted = [...levels.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  switch (path.slice(root.length)) {
    case 'dump_priority_levels':
      return table(levelHeaders, sorted.map(levelRow));
    case 'dump_queues':
      return table(queueHeaders, sorted.flatMap(queueRows));
    case 'dump_requests': {
      const isDetailed = Boolean(query.get('includeRequestDetails'));
      const headers = isDetailed ? [...requestHeaders, ...detailHeaders] : requestHeaders;
      return table(
        headers,
        sorted.flatMap((level) => requestRows(level, { clock, isDetailed })),
      );
    }
    default:
      return undefined;
  }
}

const levelHeaders = [
  'PriorityLevelName',
  'ActiveQueues',
  'IsIdle',
  'IsQuiescing',
  'WaitingRequests',
  'ExecutingRequests',
  'DispatchedRequests',
  'RejectedRequests',
  'TimedoutRequests',
  'CancelledRequests',
];

function levelRow({ name, queues, isLeaving }: Level): Row {
  const { waiting, executing } = queues.figures;
  const { dispatched, rejected, timedOut, cancelled } = queues.totals;
  const active = queues.queues.filter(({ length }) => length > 0).length;
  return [name, active, queues.isIdle, isLeaving, waiting, executing, dispatched, rejected, timedOut, cancelled];
}

const queueHeaders = [
  'PriorityLevelName',
  'Index',
  'PendingRequests',
  'ExecutingRequests',
  'SeatsInUse',
  'NextDispatchR',
  'InitialSeatsSum',
  'MaxSeatsSum',
  'TotalWorkSum',
];

function queueRows({ name, queues }: Level): Row[] {
  return queues.queues.map((queue, index) => {
    const initial = [...queue.waiting].reduce((sum, { work }) => sum + work.seats, 0);
    const { length, running, seatsInUse, nextR, seatsWaiting, workWaiting } = queue;
    return [
      name,
      index,
      length,
      running,
      seatsInUse,
      seatSeconds(nextR),
      initial,
      seatsWaiting,
      seatSeconds(workWaiting),
    ];
  });
}

const requestHeaders = [
  'PriorityLevelName',
  'FlowSchemaName',
  'QueueIndex',
  'RequestIndexInQueue',
  // As upstream spells it.
  'FlowDistingsher',
  'ArriveTime',
  'InitialSeats',
  'FinalSeats',
  'AdditionalLatency',
  'StartTime',
];

const detailHeaders = ['UserName', 'Verb', 'APIPath', 'Namespace', 'Name', 'APIVersion', 'Resource', 'SubResource'];

function requestRows({ name, queues }: Level, options: { clock: Clock; isDetailed: boolean }): Row[] {
  const row = (ticket: Ticket, queueIndex: number, index: number): Row => [
    name,
    ticket.schema,
    queueIndex,
    index,
    ticket.flow,
    timeOf(ticket.arrivedMs, options.clock),
    ticket.work.seats,
    ticket.work.finalSeats,
    ticket.work.lingerMs === 0 ? '0s' : `${ticket.work.lingerMs}ms`,
    ticket.startedMs === undefined ? '0001-01-01T00:00:00Z' : timeOf(ticket.startedMs, options.clock),
    ...(options.isDetailed ? detailsOf(ticket) : []),
  ];
  const waiting = queues.queues.flatMap((queue, at) =>
    [...queue.waiting].map((ticket, index) => row(ticket, at, index)),
  );
  const running = [...queues.running].map((ticket) =>
    row(ticket, ticket.queue ? queues.queues.indexOf(ticket.queue) : -1, -1),
  );
  return [...waiting, ...running];
}

function detailsOf({ about }: Ticket): Row {
  const { info, user } = about as { info: RequestInfo; user: UserInfo };
  const { group = '', version = '', resource = '', subresource = '', namespace = '', name = '' } = info.resource ?? {};
  return [
    user.name,
    info.verb,
    info.path,
    namespace,
    name,
    group ? `${group}/${version}` : version,
    resource,
    subresource,
  ];
}

function seatSeconds(amount: number): string {
  return `${amount.toFixed(8)}ss`;
}

/** Tickets are stamped in a time that cannot be told as a date. */
function timeOf(monotonicMs: number, clock: Clock): string {
  return new Date(clock.now() - (clock.monotonic() - monotonicMs)).toISOString();
}

/** As Go's tabwriter lays it out: cells at least eight wide, one blank between. */
function table(headers: readonly string[], rows: readonly Row[]): Answer {
  const lines = [headers, ...rows].map((row) =>
    row.map((cell, index) => (index < row.length - 1 ? `${cell},` : String(cell))),
  );
  const widths = headers.map((_, column) => Math.max(8, ...lines.map((line) => line[column]!.length + 1)));
  const text = lines.map((line) =>
    line.map((cell, index) => (index < line.length - 1 ? cell.padEnd(widths[index]!) : cell)).join(''),
  );
  return plainText(200, `${text.join('\n')}\n`);
}
