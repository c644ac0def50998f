/** Gives rules to the kernel and asks for them, by the nft program. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const listingBytesMax = 64 * 1024 * 1024;

/** The kernel, or nft, refused the rules; the message is nft's first line. */
export class NftablesError extends Error {
  override readonly name = 'NftablesError';
}

/** Loads a text in one transaction. From a file: nft cannot read the kind of pipe that Node gives. */
export async function loadRules(text: string, { program = 'nft' }: { program?: string } = {}): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 't8s-nft-'));
  try {
    const file = join(folder, 'rules.nft');
    await writeFile(file, text);
    await run(program, ['-f', file]);
  } catch (cause) {
    const line = String((cause as { stderr?: string }).stderr || cause).split('\n')[0]!;
    throw new NftablesError(line, { cause });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The table's chains, sets and rules without the elements of sets. undefined: there is none, or no nft to ask. */
export async function listTable(table: string): Promise<string | undefined> {
  try {
    return (await run('nft', ['-t', 'list', 'table', 'ip', table], { maxBuffer: listingBytesMax })).stdout;
  } catch {
    return undefined;
  }
}
