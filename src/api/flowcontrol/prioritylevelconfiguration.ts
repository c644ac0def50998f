/** PriorityLevelConfiguration: how many requests of a sort are worked on at once, and what becomes of the rest. */

import type {
  LimitedPriorityLevelConfiguration as Limited,
  LimitResponse,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  QueuingConfiguration,
} from '#api/gen/flowcontrol-v1.js';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { equal } from '#base/json.js';
import { checkRange, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { type Column, defineResource } from '../resource.js';
import { mandatoryLevels } from './bootstrap.js';
import { checkConditions } from './conditions.js';

const sharesDefault = 30;
const queuesMax = 10_000_000;
const hashBits = 60;

export default defineResource<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  versions: ['v1'],
  kind: 'PriorityLevelConfiguration',
  namespaced: false,
  metadataRepeats: { update: ['whole'] },
  subresources: { status: true },
  statusKeeps: 'metadata',
  storageVersionHash: 'Kir5PVfvNeI=',
  bumpsGeneration: ['spec'],
  default: setDefaults,
  validate: (level) => [...checkLevel(level), ...checkConditions(level.status?.conditions)],
  validateStatusUpdate: ({ status }) => checkConditions(status?.conditions),
  columns: [
    nameColumn,
    {
      name: 'Type',
      type: 'string',
      description: fieldText('flowcontrol.v1.PriorityLevelConfigurationSpec.type'),
      cell: ({ spec }) => spec?.type ?? '',
    },
    limitedColumn(
      'NominalConcurrencyShares',
      fieldText('flowcontrol.v1.LimitedPriorityLevelConfiguration.nominalConcurrencyShares'),
      (limited) => limited.nominalConcurrencyShares,
    ),
    limitedColumn(
      'Queues',
      fieldText('flowcontrol.v1.QueuingConfiguration.queues'),
      ({ limitResponse }) => limitResponse?.queuing?.queues,
    ),
    limitedColumn(
      'HandSize',
      fieldText('flowcontrol.v1.QueuingConfiguration.handSize'),
      ({ limitResponse }) => limitResponse?.queuing?.handSize,
    ),
    limitedColumn(
      'QueueLengthLimit',
      fieldText('flowcontrol.v1.QueuingConfiguration.queueLengthLimit'),
      ({ limitResponse }) => limitResponse?.queuing?.queueLengthLimit,
    ),
    ageColumn,
  ],
});

function limitedColumn(
  name: string,
  description: string,
  of: (limited: Limited) => number | undefined,
): Column<PriorityLevelConfiguration> {
  return { name, type: 'string', description, cell: ({ spec }) => (spec?.limited && of(spec.limited)) ?? '<none>' };
}

function setDefaults({ spec }: PriorityLevelConfiguration): void {
  if (spec?.exempt) {
    spec.exempt.nominalConcurrencyShares ??= 0;
    spec.exempt.lendablePercent ??= 0;
  }
  if (!spec?.limited) return;
  spec.limited.nominalConcurrencyShares ??= sharesDefault;
  spec.limited.lendablePercent ??= 0;
  const { queuing } = spec.limited.limitResponse ?? {};
  if (!queuing) return;
  queuing.handSize ||= 8;
  queuing.queues ||= 64;
  queuing.queueLengthLimit ||= 50;
}

function* checkLevel({ metadata, spec }: PriorityLevelConfiguration): FieldErrors {
  const { name = '' } = metadata;
  yield* checkSpec(spec ?? ({} as PriorityLevelConfigurationSpec), name);
  yield* checkMandatory(spec, name);
}

function* checkSpec(spec: PriorityLevelConfigurationSpec, name: string): FieldErrors {
  const { type, exempt, limited } = spec;
  if ((name === 'exempt') !== (type === 'Exempt'))
    yield invalidValue('spec.type', type ?? '', "must be 'Exempt' if and only if `name` is 'exempt'");
  if (type === 'Exempt') {
    if (limited) yield forbiddenField('spec.limited', 'must be nil if the type is not Limited');
    if (!exempt) return;
    yield* checkShares('spec.exempt.nominalConcurrencyShares', exempt.nominalConcurrencyShares);
    yield* checkRange('spec.exempt.lendablePercent', exempt.lendablePercent, { min: 0, max: 100 });
  } else if (type === 'Limited') {
    if (exempt) yield forbiddenField('spec.exempt', 'must be nil if the type is Limited');
    if (!limited) yield required('spec.limited', 'must not be empty when type is Limited');
    else yield* checkLimited('spec.limited', limited);
  } else yield notSupported('spec.type', type ?? '', ['Exempt', 'Limited']);
}

function* checkShares(path: string, shares: number | undefined): FieldErrors {
  if (shares !== undefined && shares < 0) yield invalidValue(path, shares, 'must be a non-negative integer');
}

function* checkLimited(path: string, limited: Limited): FieldErrors {
  const { nominalConcurrencyShares, limitResponse, lendablePercent, borrowingLimitPercent: borrowing } = limited;
  yield* checkShares(`${path}.nominalConcurrencyShares`, nominalConcurrencyShares);
  yield* checkResponse(`${path}.limitResponse`, limitResponse ?? ({} as LimitResponse));
  yield* checkRange(`${path}.lendablePercent`, lendablePercent, { min: 0, max: 100 });
  if (borrowing !== undefined && borrowing < 0)
    yield invalidValue(`${path}.borrowingLimitPercent`, borrowing, 'if specified, must be a non-negative integer');
}

function* checkResponse(path: string, { type, queuing }: LimitResponse): FieldErrors {
  if (type === 'Reject') {
    if (queuing) yield forbiddenField(`${path}.queuing`, 'must be nil if limited.limitResponse.type is not Limited');
  } else if (type !== 'Queue') yield notSupported(`${path}.type`, type ?? '', ['Queue', 'Reject']);
  else if (!queuing) yield required(`${path}.queuing`, 'must not be empty if limited.limitResponse.type is Limited');
  else yield* checkQueuing(`${path}.queuing`, queuing);
}

function* checkQueuing(path: string, queuing: QueuingConfiguration): FieldErrors {
  const { queueLengthLimit = 0, queues = 0, handSize = 0 } = queuing;
  if (queueLengthLimit <= 0) yield invalidValue(`${path}.queueLengthLimit`, queueLengthLimit, 'must be positive');
  if (queues <= 0) yield invalidValue(`${path}.queues`, queues, 'must be positive');
  else if (queues > queuesMax) yield invalidValue(`${path}.queues`, queues, `must not be greater than ${queuesMax}`);
  const bits = entropyBits({ queues, handSize });
  if (handSize <= 0) yield invalidValue(`${path}.handSize`, handSize, 'must be positive');
  else if (handSize > queues)
    yield invalidValue(`${path}.handSize`, handSize, `should not be greater than queues (${queues})`);
  else if (bits > hashBits) {
    const why = `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${hashBits}`;
    yield invalidValue(`${path}.handSize`, handSize, why);
  }
}

/** Bits of a flow's hash that are used up by dealing it a hand of queues. */
function entropyBits({ queues, handSize }: { queues: number; handSize: number }): number {
  return Math.ceil(Math.log2(queues) * handSize);
}

/** Two levels are as they are, but for the seats that what is exempt lends. */
function checkMandatory(spec: PriorityLevelConfigurationSpec | undefined, name: string): FieldError[] {
  const fixed = mandatoryLevels.find(({ metadata }) => metadata.name === name)?.spec;
  if (!fixed) return [];
  if (name !== 'exempt')
    return equal(spec, fixed) ? [] : [invalidValue('spec', spec, `spec of '${name}' must equal the fixed value`)];
  const why = `spec of '${name}' except the 'spec.exempt' field must equal the fixed value`;
  return equal({ ...spec, exempt: 0 }, { ...fixed, exempt: 0 }) ? [] : [invalidValue('spec', spec, why)];
}
