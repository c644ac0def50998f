/** Before tests on real containers: builds the command and sees that the machine has what they need, or says what to do. */
import { installMissing } from '#cluster/machine/system-packages.js';
import { thisMachine } from '#cluster/machine/this-machine.js';
import { buildCommand } from './cluster-process.js';
import { provide } from './kubectl.js';
import { obstacle } from './runtime/node.js';

export default async function prepareRealTests(): Promise<void> {
  const { linux, root } = thisMachine();
  if (!linux || !root) {
    throw new Error(
      'these tests run real containers: run `npm run test:real` as root on Linux (`npm run test:unit` needs neither)',
    );
  }
  await installMissing((detail) => process.stdout.write(`${detail}\n`));
  const reason = obstacle();
  if (reason) throw new Error(`these tests run real containers, and ${reason}`);
  await provide('kubectl', 'kubernetes-client');
  await provide('busybox', 'busybox-static');
  await buildCommand();
}
