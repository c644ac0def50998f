/** Before tests on real containers: builds the command and sees that the machine has what they need, or says what to do. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from '#cluster/machine/binaries.js';
import { installMissing } from '#cluster/machine/system-packages.js';
import { thisMachine } from '#cluster/machine/this-machine.js';
import { buildCommand } from './cluster-process.js';

const run = promisify(execFile);

export default async function prepareRealTests(): Promise<void> {
  const { linux, root } = thisMachine();
  if (!linux || !root) {
    throw new Error(
      'these tests run real containers: run `npm run test:real` as root on Linux (`npm run test:unit` needs neither)',
    );
  }
  await installMissing((detail) => process.stdout.write(`${detail}\n`));
  await provide('kubectl', 'kubernetes-client');
  await provide('busybox', 'busybox-static');
  await buildCommand();
}

async function provide(program: string, debianPackage: string): Promise<void> {
  if (findProgram(program)) return;
  const install = ['install', '--yes', '--no-install-recommends', debianPackage];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', install, { env }).catch(async () => {
      await run('apt-get', ['update'], { env });
      await run('apt-get', install, { env });
    });
  } catch (cause) {
    throw new Error(`the tests need ${program} on PATH, and apt-get could not install ${debianPackage}: install it`, {
      cause,
    });
  }
}
