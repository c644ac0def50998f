/** The t8s command: reads the command line, and loads only what the asked-for command needs. */
import { Command } from 'commander';
import { settings } from '#cluster/config.js';

const program = new Command('t8s')
  .description('Kubernetes, whole, in one process')
  .showHelpAfterError('(t8s --help lists the commands)')
  .enablePositionalOptions();

const dataDirFlag = [settings.dataDir.flag, settings.dataDir.help] as const;

const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value];

const up = program.command('up').description('start a cluster');
for (const setting of Object.values(settings)) {
  const written = setting.defaultText ?? String(setting.default ?? '');
  const fallback = written === '' ? '' : ` (default: ${written})`;
  const help = `${setting.help}${fallback} [env ${setting.env}]`;
  if (setting.many) up.option(setting.flag, help, collect);
  else up.option(setting.flag, help);
}
up.option('--detach', 'start in the background, and return when the node is ready and DNS answers')
  .option('--no-kubeconfig', 'leave ~/.kube/config alone')
  .action(async (flags) => (await import('#cluster/commands/up.js')).up(flags));

program
  .command('down')
  .description('stop the cluster')
  .option(...dataDirFlag)
  .option('--purge', 'also remove containers, mounts, interfaces, nft tables and all data')
  .action(async (flags) => (await import('#cluster/commands/down.js')).down(flags));

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

const image = program.command('image').description('images of the cluster on this machine');
image
  .command('import <file>')
  .description('take in an image from an OCI or docker archive')
  .option(...dataDirFlag)
  .action(async (file, flags) => (await import('#cluster/commands/image.js')).importFile(file, flags));
image
  .command('ls')
  .description('list images')
  .option(...dataDirFlag)
  .action(async (flags) => (await import('#cluster/commands/image.js')).list(flags));
image
  .command('rm <reference>')
  .description('remove an image')
  .option(...dataDirFlag)
  .action(async (reference, flags) => (await import('#cluster/commands/image.js')).remove(reference, flags));

program
  .command('kubectl')
  .description("run the machine's kubectl on this cluster; all further words are kubectl's")
  .helpOption(false)
  .allowUnknownOption()
  .passThroughOptions()
  .argument('[words...]')
  .action(async (words: string[]) => (await import('#cluster/commands/kubectl.js')).kubectl(words));

// No await at the top: the command is bundled as CommonJS, which has none.
program.parseAsync().catch(async (error) => {
  const { report } = await import('#cluster/commands/failure.js');
  // What a start that failed has left open must not keep the command from ending.
  process.exit(report(error));
});
