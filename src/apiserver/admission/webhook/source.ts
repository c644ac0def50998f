/** The webhooks that are configured now, in the order in which they are called. */
import type { RuleWithOperations } from '#api/gen/admissionregistration-v1.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { LabelSelectorObject } from '#apimachinery/selectors.js';
import type { WebhookClientConfig } from '../../webhook/client.js';
import type { CompiledCondition } from '../expression/conditions.js';
import { RequestMatcher } from '../matching.js';

/** What mutating and validating webhooks have in common. */
export interface WebhookSpec {
  name: string;
  clientConfig: WebhookClientConfig;
  rules?: RuleWithOperations[];
  failurePolicy?: string;
  matchPolicy?: string;
  namespaceSelector?: LabelSelectorObject;
  objectSelector?: LabelSelectorObject;
  sideEffects?: string;
  timeoutSeconds?: number;
  admissionReviewVersions?: string[];
  matchConditions?: { name: string; expression: string }[];
  /** Of mutating ones. */
  reinvocationPolicy?: string;
}

export interface WebhookConfiguration extends KubeObject {
  webhooks?: WebhookSpec[];
}

export interface Webhook {
  /** Among all of its type. */
  id: string;
  configuration: string;
  spec: WebhookSpec;
  matcher: RequestMatcher;
  /** Compiled when they are first needed. */
  conditions?: readonly CompiledCondition[];
}

/** Holds the configurations of one type, and what is derived from them. */
export class WebhookSource {
  readonly #configurations = new Map<string, readonly Webhook[]>();
  #all: readonly Webhook[] = [];

  get webhooks(): readonly Webhook[] {
    return this.#all;
  }

  put(configuration: WebhookConfiguration): void {
    this.#configurations.set(configuration.metadata.name ?? '', webhooksOf(configuration));
    this.#arrange();
  }

  remove(name: string): void {
    this.#configurations.delete(name);
    this.#arrange();
  }

  #arrange(): void {
    const inOrder = [...this.#configurations].sort(([a], [b]) => (a < b ? -1 : 1));
    this.#all = inOrder.flatMap(([, webhooks]) => webhooks);
  }
}

function webhooksOf({ metadata: { name = '' }, webhooks = [] }: WebhookConfiguration): Webhook[] {
  const seen = new Map<string, number>();
  return webhooks.map((spec) => {
    const nth = seen.get(spec.name) ?? 0;
    seen.set(spec.name, nth + 1);
    return {
      id: `${name}/${spec.name}/${nth}`,
      configuration: name,
      spec,
      matcher: new RequestMatcher({ ...spec, rules: spec.rules ?? [] }),
    };
  });
}
