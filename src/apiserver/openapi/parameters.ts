/** The parameters of API operations. kubectl looks for `fieldValidation` and `dryRun` among those of PATCH. */

export type Method = 'get' | 'put' | 'post' | 'patch' | 'delete';
export type Action = 'list' | 'deletecollection' | 'connect' | Method;

export interface Parameter {
  name: string;
  in: 'path' | 'query';
  type: 'string' | 'integer' | 'boolean';
  description: string;
}

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({
  name,
  in: 'query',
  type,
  description,
});

const pretty = query('pretty', 'string', "If 'true', then the output is indented.");
const dryRun = query('dryRun', 'string', "'All': the request is processed in full but nothing is stored.");
const fieldManager = query('fieldManager', 'string', 'Who makes the changes, for managedFields; up to 128 characters.');
const fieldValidation = query(
  'fieldValidation',
  'string',
  "What becomes of unknown and duplicate fields: 'Ignore', 'Warn' (the default) or 'Strict'.",
);
const force = query('force', 'boolean', 'Apply only: take over fields that other managers own.');

const writing = [dryRun, fieldManager, fieldValidation];

const listing = [
  query('allowWatchBookmarks', 'boolean', 'The watch may send BOOKMARK events.'),
  query('continue', 'string', 'The token of an earlier answer, for the next part of the list.'),
  query('fieldSelector', 'string', 'Restricts the objects by their fields.'),
  query('labelSelector', 'string', 'Restricts the objects by their labels.'),
  query('limit', 'integer', 'The most objects that one answer holds.'),
  query('resourceVersion', 'string', 'Which revisions may be served.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion is applied to a list.'),
  query('sendInitialEvents', 'boolean', 'The watch begins with the objects that exist.'),
  query('timeoutSeconds', 'integer', 'Ends the list or watch, whatever its activity.'),
];

const deleting = [
  query('gracePeriodSeconds', 'integer', 'Seconds before the object is deleted; 0 is at once.'),
  query(
    'ignoreStoreReadErrorWithClusterBreakingPotential',
    'boolean',
    'Deletes an object that can no longer be read from the store.',
  ),
  query('orphanDependents', 'boolean', 'Deprecated: use propagationPolicy.'),
  query('propagationPolicy', 'string', "What becomes of dependents: 'Orphan', 'Background' or 'Foreground'."),
];

const byAction: Record<Action, Parameter[]> = {
  list: [...listing, query('watch', 'boolean', 'Watches for changes instead of listing.')],
  deletecollection: [...listing, dryRun, ...deleting],
  post: writing,
  put: writing,
  patch: [...writing, force],
  delete: [dryRun, ...deleting],
  get: [],
  connect: [],
};

export function parametersOf(action: Action): Parameter[] {
  return byAction[action];
}

/** `pretty` stands with the path, as it applies to all its operations. */
export function pathParameters(names: readonly string[]): Parameter[] {
  const descriptions: Record<string, string> = {
    namespace: 'object name and auth scope, such as for teams and projects',
    name: 'name of the object',
  };
  return [
    ...names.map((name): Parameter => ({ name, in: 'path', type: 'string', description: descriptions[name]! })),
    pretty,
  ];
}
