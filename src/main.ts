#!/usr/bin/env node
/** The t8s command: reads the command line, and loads only what the asked-for command needs. */
import { Command } from 'commander';
import { settings } from '#cluster/config.js';

const program = new Command('t8s')
  .description('Kubernetes, whole, in one process')
  .showHelpAfterError('(t8s --help lists the commands)')
  .enablePositionalOptions();

const dataDirFlag = [settings.dataDir.flag, settings.dataDir.help] as const;

program
  .command('status')
  .description('say what runs')
  .option(...dataDirFlag)
  .action(async (flags) => (await import('#cluster/commands/status.js')).status(flags));

program
  .command('version')
  .description('say which version this is, and which Kubernetes it serves')
  .action(async () => (await import('#cluster/commands/version.js')).version());

program
  .command('doctor')
  .description('check the machine, and say how to mend what is missing')
  .option(...dataDirFlag)
  .option(settings.port.flag, settings.port.help)
  .action(async (flags) => (await import('#cluster/commands/doctor.js')).doctor(flags));

program
  .command('kubectl')
  .description("run the machine's kubectl on this cluster; all further words are kubectl's")
  .helpOption(false)
  .allowUnknownOption()
  .passThroughOptions()
  .argument('[words...]')
  .action(async (words: string[]) => (await import('#cluster/commands/kubectl.js')).kubectl(words));

try {
  await program.parseAsync();
} catch (error) {
  const { report } = await import('#cluster/commands/failure.js');
  process.exitCode = report(error);
}
