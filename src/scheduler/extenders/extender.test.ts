/** What extenders may be, and that no answer of theirs does more harm than an error. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Extender as ExtenderConfiguration } from '#api/gen/kubescheduler-v1.js';
import { collect } from '#apimachinery/field-error.js';
import { SystemClock } from '#base/clock.js';
import { SchedulerError } from '../framework.js';
import { node, pod } from '../test-snapshot.js';
import { Extender } from './extender.js';
import { checkExtenders, extenderSettings, resourcesIgnoredFor } from './settings.js';

const asking = (...extenders: ExtenderConfiguration[]) => ({ apiVersion: 'v1', kind: 'k', extenders });
const faults = (...extenders: ExtenderConfiguration[]) =>
  collect(checkExtenders(asking(...extenders))).map(({ message }) => message);

test('faults are told as upstream tells them', () => {
  const urlPrefix = 'http://ext';
  const managed = (...names: string[]) => names.map((name) => ({ name }));
  expect(
    faults(
      { urlPrefix, prioritizeVerb: 'p', bindVerb: 'b', managedResources: managed('example.com/a') },
      { urlPrefix, bindVerb: 'b', managedResources: managed('example.com/a', 'cpu') },
    ),
  ).toEqual([
    'extenders[0].weight: Invalid value: 0: must have a positive weight applied to it',
    'extenders[1].managedResources[0].name: Invalid value: "example.com/a": duplicate extender managed resource name',
    'extenders[1].managedResources[1].name: Invalid value: "cpu": is an invalid extended resource name',
    'extenders: Invalid value: "found 2 extenders implementing bind": only one extender can implement bind',
  ]);
});

test('certificates are read when the configuration is, and missing ones are told', () => {
  const directory = mkdtempSync(join(tmpdir(), 't8s-'));
  const caFile = join(directory, 'ca.crt');
  writeFileSync(caFile, 'PEM');
  const urlPrefix = 'https://ext/';
  const certData = Buffer.from('certificate').toString('base64');
  const tlsOf = (parts: ExtenderConfiguration) => {
    const [first] = extenderSettings(asking({ urlPrefix, ...parts }));
    return first && 'tls' in first ? first.tls : first?.message;
  };
  expect(tlsOf({ enableHTTPS: true })).toMatchObject({ insecureSkipTlsVerify: true });
  expect(tlsOf({ enableHTTPS: true, tlsConfig: { caFile } })).toMatchObject({
    ca: 'PEM',
    insecureSkipTlsVerify: false,
  });
  expect(tlsOf({ tlsConfig: { certData } })).toContain('a client certificate and its key are specified together');
  expect(tlsOf({ tlsConfig: { caFile, insecure: true } })).toContain('with the insecure flag is not allowed');
  expect(tlsOf({ tlsConfig: { caFile: join(directory, 'none') } })).toMatch(
    /tlsConfig.caFile: Invalid value: .*ENOENT/,
  );
  rmSync(directory, { recursive: true });
});

test('what is ignored by the scheduler is left to extenders', () => {
  const managedResources = [{ name: 'a.example/x', ignoredByScheduler: true }, { name: 'a.example/y' }];
  expect(resourcesIgnoredFor(asking({ managedResources }))).toEqual(['a.example/x']);
});

let server: Server;
let answer = '';
beforeAll(async () => {
  server = createServer((_, response) => response.end(answer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

test('answers of any form are understood, or are errors', async () => {
  const { port } = server.address() as AddressInfo;
  const verbs = { filterVerb: 'f', prioritizeVerb: 'p', preemptVerb: 'v', weight: 1, nodeCacheCapable: true };
  const [settings] = extenderSettings(asking({ urlPrefix: `http://127.0.0.1:${port}`, ...verbs }));
  if (!settings || !('verbs' in settings)) throw new Error('not configured');
  const extender = new Extender(settings, { clock: new SystemClock() });
  const keys = fc.constantFrom(
    ...['NodeNames', 'Nodes', 'items', 'FailedNodes', 'FailedAndUnresolvableNodes', 'Error'],
    ...['Host', 'Score', 'NodeNameToMetaVictims', 'Pods', 'UID', 'NumPDBViolations', 'a', 'metadata', 'name'],
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, 'a', 1, true),
      fc.array(tie('value'), { maxLength: 2 }),
      tie('object'),
    ),
    object: fc.dictionary(keys, tie('value'), { maxKeys: 3 }),
  }));
  const one = node('a').withPod(pod());
  const candidates = [{ node: one, victims: one.pods, violations: 0 }];
  const ask = [
    () => extender.filter(pod(), [one]),
    () => extender.prioritize(pod(), [one]),
    () => extender.preempt(pod(), candidates),
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        value.map((json) => JSON.stringify(json)),
        fc.string(),
      ),
      async (text) => {
        answer = text;
        for (const work of ask) {
          try {
            await work();
          } catch (error) {
            expect(error).toBeInstanceOf(SchedulerError);
          }
        }
      },
    ),
    { numRuns: 100 },
  );
  extender.close();
});
