/** Printer columns of policies and bindings. */
import type { ParamKind, ParamRef } from '#api/gen/admissionregistration-v1.js';
import type { LabelSelector } from '#api/gen/meta-v1.js';
import type { KubeObject } from '#apimachinery/object.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import type { Column } from '../resource.js';

interface Policy extends KubeObject {
  spec?: { paramKind?: ParamKind };
}

interface Binding extends KubeObject {
  spec?: { policyName?: string; paramRef?: ParamRef };
}

export const paramKindColumn: Column<Policy> = {
  name: 'ParamKind',
  type: 'string',
  description: 'ParamKind specifies the kind of resources used to parameterize this policy',
  cell: ({ spec }) => (spec?.paramKind ? `${spec.paramKind.apiVersion}/${spec.paramKind.kind}` : '<unset>'),
};

export const bindingColumns: readonly Column<Binding>[] = [
  nameColumn,
  {
    name: 'PolicyName',
    type: 'string',
    description: 'PolicyName indicates the policy definition which the policy binding binded to',
    cell: ({ spec }) => spec?.policyName ?? '',
  },
  {
    name: 'ParamRef',
    type: 'string',
    description: 'ParamRef indicates the param resource which sets the configuration param',
    cell: ({ spec }) => paramText(spec?.paramRef),
  },
  ageColumn,
];

/** Whether a parameter without a namespace has none, or is sought in each, the binding does not tell. */
function paramText(reference: ParamRef | undefined): string {
  if (!reference) return '<unset>';
  const { name, namespace, selector } = reference;
  if (name) return `${namespace || '*'}/${name}`;
  return selector ? goText(selector) : '<unset>';
}

/** As Go prints the struct. */
function goText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.keys(matchLabels).sort();
  const pairs = labels.map((key) => `${key}: ${matchLabels[key]},`).join('');
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${pairs}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}
