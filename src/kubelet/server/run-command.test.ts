/** A command whose output is one answer. */
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import { serveRun } from './run-command.js';
import type { ServedNode } from './served-node.js';

const web = { metadata: { name: 'web', namespace: 'default', uid: 'u1' }, spec: { containers: [{ name: 'main' }] } };
const asked: unknown[] = [];
const node = {
  pods: {
    pods: () => [web as Pod],
    containerId: (_pod: Pod, name: string) => (name === 'main' ? 'c1' : undefined),
  },
  runtime: {
    async exec(id: string, command: readonly string[]) {
      asked.push([id, command]);
      const bytes = (output: string) => new TextEncoder().encode(output);
      const exitCode = command[0] === 'exit' ? Number(command[1]) : 0;
      return { exitCode, stdout: bytes('it says\n'), stderr: bytes('and more\n') };
    },
  },
} as unknown as ServedNode;

async function run(path: string, cmd: string) {
  const told: { code?: number; body?: string } = {};
  const response = {
    writeHead: (code: number) => void (told.code = code),
    end: (body: Buffer) => void (told.body = body.toString()),
  } as unknown as ServerResponse;
  return (await serveRun(node, { parts: path.split('/'), query: new URLSearchParams({ cmd }), response })) ?? told;
}

test('a command is run, and what it says is the answer', async () => {
  expect(await run('default/web/main', 'echo a')).toEqual({ code: 200, body: 'it says\nand more\n' });
  expect(await run('default/web/u1/main', 'echo')).toMatchObject({ code: 200 });
  expect(asked).toEqual([
    ['c1', ['echo', 'a']],
    ['c1', ['echo']],
  ]);
});

test('one that fails, or cannot be run, says why', async () => {
  expect(await run('default/web/main', 'exit 3')).toEqual({
    code: 500,
    text: "command 'exit 3' exited with 3: and more\n",
  });
  expect(await run('default/web/other', 'echo')).toEqual({ code: 500, text: 'container not found ("other")' });
  expect(await run('default/none/main', 'echo')).toEqual({ code: 404, text: 'pod does not exist' });
});
