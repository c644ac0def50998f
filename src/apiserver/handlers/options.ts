/** The parameters of requests: read from the query (or a DeleteOptions body), checked, in upstream's words. */
import { badRequest, invalid, StatusError } from '#apimachinery/errors.js';
import { type FieldError, forbiddenField, invalidValue, notSupported } from '#apimachinery/field-error.js';
import { fieldManagerName } from '#apimachinery/managed-fields/request.js';
import { validateDeleteOptions, validatePatchOptions, validateWriteOptions } from '#apimachinery/options-validation.js';
import { isVersion, versionProblem } from '#apimachinery/resource-version.js';
import { quote } from '#base/go-text.js';
import type { ListRequest } from '../registry/list.js';
import type { DeleteOptions, Write } from '../registry/registry.js';
import { parseSelectors, selectionBy } from '../registry/selection.js';
import { isTrue, type RequestInfo } from '../request-info.js';
import type { HandlerContext } from './context.js';

export type WriteKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions';

/** Throws StatusError (422) for options that are not valid. */
export function readWrite(context: HandlerContext, kind: WriteKind, { isApply = false } = {}): Write {
  const { query } = context.info;
  // An apply must give one.
  if (query.size === 0 && !isApply) return writeOf(context, { dryRun: false, options: plainOptions[kind] });
  const dryRun = query.getAll('dryRun');
  const fieldManager = query.get('fieldManager') ?? undefined;
  const fieldValidation = query.get('fieldValidation') ?? undefined;
  const given = { dryRun, fieldManager, fieldValidation };
  const force = query.has('force') ? isTrue(query.get('force')) : undefined;
  const errors =
    kind === 'PatchOptions' ? validatePatchOptions({ ...given, force }, { isApply }) : validateWriteOptions(given);
  throwInvalid(kind, errors);
  const options: Record<string, unknown> = { kind, apiVersion: 'meta.k8s.io/v1' };
  for (const [name, value] of Object.entries({ ...given, force }))
    if (value !== undefined && !(Array.isArray(value) && value.length === 0)) options[name] = value;
  return writeOf(context, { dryRun: dryRun.length > 0, options, fieldManager });
}

/** Of requests that give none, as nearly all do. */
const plainOptions: Record<WriteKind, Write['options']> = {
  CreateOptions: Object.freeze({ kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' }),
  UpdateOptions: Object.freeze({ kind: 'UpdateOptions', apiVersion: 'meta.k8s.io/v1' }),
  PatchOptions: Object.freeze({ kind: 'PatchOptions', apiVersion: 'meta.k8s.io/v1' }),
};

export function writeOf(
  context: HandlerContext,
  { dryRun, options, fieldManager }: { dryRun: boolean; options: Write['options']; fieldManager?: string },
): Write {
  const { call, info, user, warn, annotate } = context;
  const userAgent = call.headers['user-agent'];
  return {
    user,
    dryRun,
    subresource: info.resource.subresource,
    manager: fieldManagerName({ fieldManager, userAgent }),
    version: info.resource.version,
    admission: 'run',
    options,
    warn,
    annotate,
  };
}

export interface ReadDelete {
  options: DeleteOptions;
  write: Write;
}

/** From the body, or else from the query. Throws StatusError for options that are not valid. */
export function readDelete(context: HandlerContext, body: Record<string, unknown> | undefined): ReadDelete {
  const given = body ?? deleteOptionsOfQuery(context.info);
  const { dryRun = [], orphanDependents, gracePeriodSeconds, preconditions } = given as DeleteBody;
  let { propagationPolicy } = given as DeleteBody;
  throwInvalid('DeleteOptions', validateDeleteOptions({ dryRun, orphanDependents, propagationPolicy }));
  // The older way to say it.
  if (orphanDependents !== undefined) propagationPolicy = orphanDependents ? 'Orphan' : 'Background';
  return {
    options: {
      gracePeriodSeconds: gracePeriodSeconds ?? undefined,
      propagationPolicy: propagationPolicy as DeleteOptions['propagationPolicy'],
      preconditions,
    },
    write: writeOf(context, { dryRun: dryRun.length > 0, options: given }),
  };
}

interface DeleteBody {
  dryRun?: string[];
  orphanDependents?: boolean;
  gracePeriodSeconds?: number;
  propagationPolicy?: string;
  preconditions?: { uid?: string; resourceVersion?: string };
}

function deleteOptionsOfQuery({ query }: RequestInfo): Record<string, unknown> {
  const options: Record<string, unknown> = { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1' };
  const dryRun = query.getAll('dryRun');
  if (dryRun.length > 0) options['dryRun'] = dryRun;
  const grace = query.get('gracePeriodSeconds');
  if (grace !== null) options['gracePeriodSeconds'] = wholeNumber(grace);
  const policy = query.get('propagationPolicy');
  if (policy !== null) options['propagationPolicy'] = policy;
  const orphan = query.get('orphanDependents');
  if (orphan !== null) options['orphanDependents'] = isTrue(orphan);
  const [uid, resourceVersion] = [query.get('uid') ?? undefined, query.get('resourceVersion') ?? undefined];
  if (uid !== undefined || resourceVersion !== undefined) options['preconditions'] = { uid, resourceVersion };
  return options;
}

export interface ReadList extends ListRequest {
  sendInitialEvents: boolean | undefined;
  allowWatchBookmarks: boolean;
  timeoutSeconds: number | undefined;
}

/** Throws StatusError: 400 for selectors and numbers that cannot be read, 422 for what does not go together. */
export function readList(context: HandlerContext, { watch }: { watch: boolean }): ReadList {
  const { info, resource } = context;
  const { query } = info;
  const token = query.get('continue') ?? '';
  const version = query.get('resourceVersion') ?? '';
  // Beside a token even a zero of more than one digit is a version too many.
  const resourceVersion = token === '' ? withoutLeadingZeros(version) : version;
  let match = query.get('resourceVersionMatch') ?? '';
  let sendInitialEvents = query.has('sendInitialEvents') ? isTrue(query.get('sendInitialEvents')) : undefined;
  const startsAnywhere = resourceVersion === '' || resourceVersion === '0';
  if (watch && startsAnywhere && match === '' && sendInitialEvents === undefined) {
    // The older way to ask for what is there first.
    match = 'NotOlderThan';
    sendInitialEvents = true;
  }
  // In upstream's order: what cannot be read comes before what does not go together, and before unknown fields.
  const timeout = query.get('timeoutSeconds');
  const timeoutSeconds = timeout === null ? undefined : wholeNumber(timeout);
  const limit = Math.max(wholeNumber(query.get('limit') ?? '0'), 0);
  const selectors = parseSelectors({
    labelSelector: query.get('labelSelector'),
    fieldSelector: query.get('fieldSelector') ?? (info.resource.named ? `metadata.name=${info.resource.name}` : ''),
  });
  const given = { resourceVersion, match, token, sendInitialEvents };
  const allowsInitial = context.registry.gates.enabled('WatchList') || !query.has('sendInitialEvents');
  throwInvalid('ListOptions', watch ? validateWatchOptions(given, { allowsInitial }) : validateListOptions(given));
  const selection = selectionBy(resource, selectors);
  // Where there is a token, it is looked at first, and allows no version beside it.
  if (token === '') checkVersion(resourceVersion, { list: !watch });
  return {
    namespace: resource.namespaced ? info.resource.namespace : '',
    selection,
    resourceVersion,
    match: match === '' ? undefined : (match as 'Exact' | 'NotOlderThan'),
    limit,
    continue: token,
    sendInitialEvents,
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    timeoutSeconds,
  };
}

/** However a zero is written, any version will do. */
function withoutLeadingZeros(version: string): string {
  return version.replace(/^0+(?=\d)/, '');
}

interface ListOptions {
  resourceVersion: string;
  match: string;
  token: string;
  sendInitialEvents: boolean | undefined;
}

const matchPath = 'resourceVersionMatch';

function validateListOptions({ resourceVersion, match, token, sendInitialEvents }: ListOptions): FieldError[] {
  const errors: FieldError[] = [];
  const forbid = (detail: string) => errors.push(forbiddenField(matchPath, detail));
  if (match !== '') {
    if (resourceVersion === '') forbid('resourceVersionMatch is forbidden unless resourceVersion is provided');
    if (token) forbid('resourceVersionMatch is forbidden when continue is provided');
    if (match !== 'Exact' && match !== 'NotOlderThan')
      errors.push(notSupported(matchPath, match, ['Exact', 'NotOlderThan', '']));
    if (match === 'Exact' && resourceVersion === '0')
      forbid('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
  if (sendInitialEvents !== undefined)
    errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  return errors;
}

function validateWatchOptions(
  { match, token, sendInitialEvents }: ListOptions,
  { allowsInitial }: { allowsInitial: boolean },
): FieldError[] {
  const errors: FieldError[] = [];
  const forbid = (detail: string) => errors.push(forbiddenField(matchPath, detail));
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
    forbid('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  if (!allowsInitial) {
    const detail = 'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled';
    errors.push(forbiddenField('sendInitialEvents', detail));
  }
  if (match === '') return errors;
  if (sendInitialEvents === undefined)
    forbid('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
  if (match !== 'NotOlderThan') errors.push(notSupported(matchPath, match, ['NotOlderThan']));
  if (token) forbid('resourceVersionMatch is forbidden when continue is provided');
  return errors;
}

/**
 * Throws StatusError for a resourceVersion that is no number: lists call it a bad request (400), other reads fail without
 * a reason (500), as upstream.
 */
export function checkVersion(version: string, { list }: { list: boolean }): void {
  if (version === '' || isVersion(version)) return;
  const { message } = invalidValue('resourceVersion', version, versionProblem(version));
  throw list ? badRequest(`invalid resource version: ${message}`) : new StatusError({ message, code: 500 });
}

function wholeNumber(text: string): number {
  const isNumber = /^[-+]?\d+$/.test(text);
  const value = Number(text);
  if (isNumber && Math.abs(value) < 2 ** 63) return value;
  const why = isNumber ? 'value out of range' : 'invalid syntax';
  throw badRequest(`strconv.ParseInt: parsing ${quote(text)}: ${why}`);
}

function throwInvalid(kind: string, errors: FieldError[]): void {
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind, name: '' }, errors);
}
