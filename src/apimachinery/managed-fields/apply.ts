/**
 * Server-side apply: merges a configuration onto the live object, and refuses to change what others manage unless
 * forced. https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
import { copy } from '#base/json.js';
import { inTurns, type Steps } from '#base/turns.js';
import { badRequest, StatusError } from '../errors.js';
import { formatTime, type KubeObject, parseApiVersion } from '../object.js';
import { ParseError } from '../parse-error.js';
import { isObject, type JsonObject } from '../patch.js';
import { checkInSteps, listProblems } from './check.js';
import { compare, compareInTurns, isSame } from './compare.js';
import { type Conflict, conflictError, conflictsOf } from './conflict.js';
import { FieldSet } from './field-set.js';
import { allowedByLastApplied, writeLastApplied } from './last-applied.js';
import { decodeManagers, encodeManagers, type Manager, type Managers, managerId } from './managers.js';
import { mergeApplied } from './merge.js';
import { type MapModel, modelOf } from './model.js';
import { fieldsOf, withNamedFields, withoutFields } from './own-fields.js';
import { comparable, comparisonsOf, type FieldWrite, neverOwned, reconcileManagers, trackChange } from './update.js';

export interface Apply extends FieldWrite {
  /** undefined: the apply creates the object. */
  live: KubeObject | undefined;
  /** As the client sent it: only the fields that it wants to manage. */
  applied: JsonObject;
  /** The kind that the request's path is about. */
  kind: string;
  /** Takes over fields that others manage. */
  force: boolean;
}

/**
 * Gives the object to default, validate and store, with its managedFields; it may be changed, the arguments are not.
 * Throws a StatusError: 400 for the wrong kind of object, 409 Conflict with one cause for each field that another
 * manager holds, and 500 (as upstream does) for a configuration that does not fit the schema.
 */
export async function applyPatch(apply: Apply): Promise<{ object: KubeObject }> {
  const { live, applied, schema } = apply;
  const model = modelOf(schema);
  const { turns } = apply;
  if (turns?.isOver) await turns.next();
  await inTurns(checkRequest(apply, model), turns);
  if (turns?.isOver) await turns.next();
  const managers = await liveManagers(apply, model);
  if (turns?.isOver) await turns.next();
  const before = live ? comparable(live) : undefined;
  const outcome = await readable(() => merge(apply, { model, managers, before }));
  if (turns?.isOver) await turns.next();
  const object = copy(outcome.object) as unknown as KubeObject;
  if (turns?.isOver) await turns.next();
  object.apiVersion ??= apply.apiVersion;
  object.kind ??= apply.kind;
  object.metadata ??= {};
  if (live?.metadata.resourceVersion !== undefined) object.metadata.resourceVersion ??= live.metadata.resourceVersion;
  if (apply.manager === clientSideManager) writeLastApplied(object, applied);
  const managedFields = await inTurns(encodeManagers(outcome.managers), turns);
  if (managedFields) object.metadata.managedFields = managedFields;
  return { object };
}

/** What does not fit a version that a manager wrote in fails the apply. */
async function readable<T>(merge: () => Promise<T>): Promise<T> {
  try {
    return await merge();
  } catch (error) {
    if (error instanceof ParseError) throw new StatusError({ message: error.message, code: 500 }, { cause: error });
    throw error;
  }
}

/** The name under which kubectl's client-side applies may be taken over. */
const clientSideManager = 'kubectl';

interface Setting {
  model: MapModel;
  managers: Managers;
  before: JsonObject | undefined;
}

interface Outcome {
  object: JsonObject;
  managers: Managers;
  conflicts: Conflict[];
}

async function merge(apply: Apply, setting: Setting): Promise<Outcome> {
  const outcome = await attempt(apply, setting);
  if (apply.force || outcome.conflicts.length === 0) return outcome;
  const { live, apiVersion, manager, schema } = apply;
  const allowed = manager === clientSideManager && live && allowedByLastApplied(live, { apiVersion, schema });
  const conflicts = allowed ? outcome.conflicts.filter(({ path }) => !allowed.has(path)) : outcome.conflicts;
  if (conflicts.length > 0) throw conflictError(conflicts);
  return outcome;
}

/** What the apply gives when it is forced, and with whom it conflicts. */
async function attempt(apply: Apply, { model, managers, before }: Setting): Promise<Outcome> {
  const { manager: name, apiVersion, subresource = '', nowMs, resetFields } = apply;
  const self: Omit<Manager, 'fields' | 'time'> = { name, operation: 'Apply', apiVersion, subresource };
  const id = managerId(self);
  const last = managers.get(id);
  const applied = fieldsOf(apply.applied, model).recursiveDifference(FieldSet.ofFields(resetFields ?? []));
  const next: Managers = new Map(managers);
  next.set(id, { ...self, time: last?.time, fields: applied });

  const { turns } = apply;
  if (turns?.isOver) await turns.next();
  const merged = mergeApplied(before ?? {}, apply.applied, model);
  if (turns?.isOver) await turns.next();
  const object = last ? await prune(merged, { last, managers: next, apply, model }) : merged;
  if (turns?.isOver) await turns.next();
  const sides = { before: before ?? {}, after: object };
  const change = { ...sides, comparison: await compareInTurns({ ...sides, model }, turns) };
  const comparisons = await comparisonsOf(next.values(), change, apply);
  if (turns?.isOver) await turns.next();
  const held: { manager: Manager; fields: FieldSet }[] = [];
  for (const [other, manager] of next) {
    if (other === id) continue;
    const comparison = comparisons.get(manager.apiVersion);
    if (!comparison) {
      next.delete(other);
      continue;
    }
    const taken = manager.fields.intersection(comparison.modified.union(comparison.added));
    if (!taken.isEmpty) held.push({ manager, fields: taken });
    const fields = manager.fields.difference(taken).difference(comparison.removed);
    if (fields.isEmpty) next.delete(other);
    else if (fields !== manager.fields) next.set(other, { ...manager, fields });
  }
  const fields = applied.difference(neverOwned);
  // Of an apply that changes nothing in the object upstream does not keep the time.
  const isUnchanged = before !== undefined && isSame(change.comparison);
  if (fields.isEmpty) next.delete(id);
  else next.set(id, { ...self, time: isUnchanged ? last?.time : formatTime(nowMs), fields });
  return { object, managers: next, conflicts: conflictsOf(held) };
}

/**
 * Removes what the applier applied last time, does not now, and nobody else manages. First all that it had goes; then
 * comes back what has a manager; then what it never had.
 */
async function prune(
  merged: JsonObject,
  { last, managers, apply, model }: { last: Manager; managers: Managers; apply: Apply; model: MapModel },
): Promise<JsonObject> {
  // Whatever it had, it has still: the common case.
  const same = managers.get(managerId(last));
  if (same?.apiVersion === last.apiVersion && last.fields.difference(same.fields).isEmpty) return merged;
  const forms = formsOf(apply, model);
  const form = forms(last.apiVersion);
  // What was applied in a version that is no more is not known any more.
  if (!form) return merged;
  const { turns } = apply;
  const whole = await form.convert(merged);
  const had = withNamedFields(last.fields, form.model);
  let kept = withoutFields(whole, had, form.model);
  for (const [apiVersion, managed] of managedByVersion(managers, last.apiVersion)) {
    const other = forms(apiVersion);
    if (turns?.isOver) await turns.next();
    if (other) kept = await form.convert(await withOwned({ whole, kept, managed, form: other }));
  }
  const fieldsIn = (object: JsonObject) => withNamedFields(fieldsOf(object, form.model), form.model);
  const gone = fieldsIn(whole).difference(fieldsIn(kept)).intersection(had);
  return forms(apply.apiVersion)!.convert(withoutFields(whole, gone, form.model));
}

/** What is left, with what some manager manages in a version brought back, in that version. */
async function withOwned({ whole, kept, managed, form }: Owned): Promise<JsonObject> {
  const { model } = form;
  const [all, bare] = [await form.convert(whole), await form.convert(kept)];
  const named = (set: FieldSet) => withNamedFields(set, model);
  const owned = named(fieldsOf(bare, model)).union(named(managed));
  return withoutFields(all, named(fieldsOf(all, model)).difference(owned), model);
}

interface Owned {
  whole: JsonObject;
  kept: JsonObject;
  managed: FieldSet;
  form: Form;
}

/** All that managers manage, by version; the version that is pruned in comes first. */
function managedByVersion(managers: Managers, first: string): Map<string, FieldSet> {
  const managed = new Map<string, FieldSet>([[first, FieldSet.empty]]);
  for (const { apiVersion, fields } of managers.values())
    managed.set(apiVersion, (managed.get(apiVersion) ?? FieldSet.empty).union(fields));
  return managed;
}

interface Form {
  model: MapModel;
  /** Gives an object of this version as it is. */
  convert(object: JsonObject): Promise<JsonObject>;
}

/** The kind in one of its versions; undefined for what is none any more. */
function formsOf({ apiVersion, versions }: Apply, model: MapModel): (wanted: string) => Form | undefined {
  return (wanted) => {
    if (!versions || (wanted === apiVersion && !versions.at(wanted)))
      return { model, convert: async (object) => object };
    const form = versions.at(wanted);
    return form && { model: wanted === apiVersion ? model : modelOf(form.schema), convert: form.convert };
  };
}

/** An object that was never tracked has all its fields held by one manager before the first apply. */
async function liveManagers(apply: Apply, model: MapModel): Promise<Managers> {
  const { live, apiVersion, nowMs } = apply;
  if (!live) return new Map();
  let managers: Managers;
  try {
    managers = decodeManagers(live.metadata.managedFields);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new StatusError(
      { message: `failed to decode managed fields: ${error.message}`, code: 500 },
      { cause: error },
    );
  }
  reconcileManagers(managers, apply);
  if (managers.size > 0) return managers;
  const after = comparable(live);
  const change = { before: {}, after, comparison: compare({}, after, model) };
  const { subresource, resetFields } = apply;
  await trackChange(managers, change, { manager: 'before-first-apply', apiVersion, nowMs, subresource, resetFields });
  return managers;
}

function* checkRequest({ applied, apiVersion, kind }: Apply, model: MapModel): Steps<void> {
  if (applied['apiVersion'] !== apiVersion || applied['kind'] !== kind)
    throw badRequest(`invalid object type: ${describeKind(applied)}`);
  if (metadataOf(applied)['managedFields'] !== undefined && metadataOf(applied)['managedFields'] !== null)
    throw badRequest('metadata.managedFields must be nil');
  const problems = yield* checkInSteps(applied, model);
  if (problems.length === 0) return;
  const message = `failed to create typed patch object (${describeApplied(applied)}): ${listProblems(problems)}`;
  throw new StatusError({ message, code: 500 });
}

/** As messages name an applied configuration: `ns/name; apps/v1, Kind=Deployment`. */
export function describeApplied(applied: JsonObject): string {
  const { namespace, name } = metadataOf(applied);
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return `${text(namespace)}/${text(name)}; ${describeKind(applied)}`;
}

function metadataOf({ metadata }: JsonObject): JsonObject {
  return isObject(metadata) ? metadata : {};
}

/** As Go prints a GroupVersionKind: `apps/v1, Kind=Deployment`. */
function describeKind({ apiVersion, kind }: JsonObject): string {
  const { group, version } = parseApiVersion(typeof apiVersion === 'string' ? apiVersion : '');
  return `${group}/${version}, Kind=${typeof kind === 'string' ? kind : ''}`;
}
