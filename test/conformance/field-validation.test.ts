/** What the server says of fields that it does not know, or that come twice. */
import { expect } from 'vitest';
import { conformance, type Scene, useCluster } from './conformance.js';

useCluster({ nodes: 0 });

const template = `"template": {"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [{"name": "nginx", "image": "nginx:latest"}]}}`;

function deployment({ metadata = '', spec = '' }: { metadata?: string; spec?: string }): string {
  return `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "my-dep", ${metadata}"labels": {"app": "nginx"}},
    "spec": {${spec}"selector": {"matchLabels": {"app": "nginx"}}, ${template}}}`;
}

async function post({ http, namespace }: Scene, body: string) {
  const query = 'fieldManager=field_validation_mgr&fieldValidation=Strict';
  return await http.send(`/apis/apps/v1/namespaces/${namespace}/deployments?${query}`, { method: 'POST', body });
}

conformance(
  '[sig-api-machinery] FieldValidation should detect unknown and duplicate fields of a typed object [Conformance]',
  async (scene) => {
    const { status, json } = await post(
      scene,
      deployment({ spec: '"unknownField": "foo", "replicas": 2, "replicas": 3, ' }),
    );
    expect(status).toBe(400);
    expect(json.message).toContain(
      'strict decoding error: unknown field "spec.unknownField", duplicate field "spec.replicas"',
    );
  },
);

conformance(
  '[sig-api-machinery] FieldValidation should detect unknown metadata fields of a typed object [Conformance]',
  async (scene) => {
    const { status, json } = await post(scene, deployment({ metadata: '"unknownMeta": "foo", ' }));
    expect(status).toBe(400);
    expect(json.message).toContain('strict decoding error: unknown field "metadata.unknownMeta"');
  },
);
