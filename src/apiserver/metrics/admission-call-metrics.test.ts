import { expect, test } from 'vitest';
import configMapResource from '#api/core/configmap.js';
import { MetricRegistry } from '#base/metrics.js';
import type { AdmissionRequest } from '../admission/admission.js';
import { AdmissionCallMetrics } from './admission-call-metrics.js';

const request = { resource: configMapResource, operation: 'CREATE' } as unknown as AdmissionRequest;
const prefix = 'apiserver_';

function setUp() {
  const registry = new MetricRegistry();
  const metrics = new AdmissionCallMetrics(registry);
  const counts = () =>
    registry
      .expose()
      .split('\n')
      .filter((line) => line.startsWith(prefix) && !/_bucket|_sum/.test(line))
      .map((line) => line.slice(prefix.length).replace(/^admission_/, ''))
      .sort();
  return { metrics, counts };
}

test('calls of webhooks are told by what came of them', () => {
  const { metrics, counts } = setUp();
  const call = { webhook: 'w', type: 'admit', request, durationMs: 1, rejected: false, failedOpen: false } as const;
  metrics.webhook({ ...call, code: 200 });
  metrics.webhook({ ...call, code: 700, rejected: true });
  metrics.webhook({ ...call, code: 503, error: 'calling_webhook_error', failedOpen: true });
  expect(counts().filter((line) => !line.startsWith('webhook_admission_duration'))).toEqual([
    'webhook_fail_open_count{name="w",type="admit"} 1',
    'webhook_rejection_count{error_type="no_error",name="w",operation="CREATE",rejection_code="600",type="admit"} 1',
    'webhook_request_total{code="200",name="w",operation="CREATE",rejected="false",type="admit"} 1',
    'webhook_request_total{code="503",name="w",operation="CREATE",rejected="false",type="admit"} 1',
    'webhook_request_total{code="600",name="w",operation="CREATE",rejected="true",type="admit"} 1',
  ]);
});

test('expressions of policies are told by what came of them', () => {
  const { metrics, counts } = setUp();
  const one = { policy: 'p', binding: 'b', error: 'no_error', durationMs: 1 } as const;
  metrics.policy({ ...one, kind: 'mutating' });
  metrics.policy({ ...one, kind: 'validating', error: 'invalid_error', action: 'deny' });
  const labels = 'policy="p",policy_binding="b"';
  expect(counts()).toEqual([
    `mutating_admission_policy_check_duration_seconds_count{error_type="no_error",${labels}} 1`,
    `mutating_admission_policy_check_total{error_type="no_error",${labels}} 1`,
    `validating_admission_policy_check_duration_seconds_count{enforcement_action="deny",error_type="invalid_error",${labels}} 1`,
    `validating_admission_policy_check_total{enforcement_action="deny",error_type="invalid_error",${labels}} 1`,
  ]);
});
