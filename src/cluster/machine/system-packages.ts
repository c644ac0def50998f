/** Installs what a node needs of the system's packages, by apt on Debian and its like; elsewhere names them. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { findProgram, isMet, type Need, needs } from './binaries.js';

/** What is missing could not be installed; the message says the command that mends it. */
export class SystemPackagesError extends Error {
  override readonly name = 'SystemPackagesError';
}

export function missingNeeds(): Need[] {
  return needs.filter((need) => !isMet(need));
}

/** The command that a person would run. */
export function installCommand(missing: readonly Need[]): string {
  const packages = missing.map(({ debianPackage }) => debianPackage).join(' ');
  return hasApt()
    ? `sudo apt-get install ${packages}`
    : `install with your package manager: ${packages} (names of Debian's packages)`;
}

/** Installs what is missing; `progress` gets a line at a time. Does nothing when all is there. */
export async function installMissing(progress: (detail: string) => void): Promise<string | undefined> {
  const missing = missingNeeds();
  if (missing.length === 0) return undefined;
  const names = missing.map(({ name, why }) => `${name} (${why})`).join(', ');
  if (!hasApt()) throw new SystemPackagesError(`missing: ${names}; ${installCommand(missing)}`);
  const packages = missing.map(({ debianPackage }) => debianPackage);
  if (!hasPackageLists()) {
    progress('reading package lists');
    await apt(['update'], progress);
  }
  progress(`installing ${packages.join(', ')}`);
  const install = ['install', '--yes', '--no-install-recommends', ...packages];
  try {
    await apt(install, progress);
  } catch {
    // The lists may be older than the archive; what fails with fresh ones is reported.
    await apt(['update'], progress);
    await apt(install, progress);
  }
  const still = missingNeeds();
  if (still.length > 0) {
    throw new SystemPackagesError(
      `still missing after apt-get: ${still.map(({ name }) => name).join(', ')}; ${installCommand(still)}`,
    );
  }
  return `installed ${packages.join(', ')}`;
}

function hasApt(): boolean {
  return findProgram('apt-get') !== undefined && isDebianLike();
}

function isDebianLike(): boolean {
  try {
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function hasPackageLists(): boolean {
  try {
    return readdirSync('/var/lib/apt/lists').some((name) => name.includes('_Packages'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Runs apt-get; its machine-readable status (`pmstatus:package:percent:text`) comes on file descriptor 3. */
async function apt(args: string[], progress: (detail: string) => void): Promise<void> {
  const options = ['-o', 'APT::Status-Fd=3', '-o', 'Dpkg::Use-Pty=0', '-o', 'DPkg::Lock::Timeout=120', '--quiet'];
  const child = spawn('apt-get', [...options, ...args], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  const complaints: string[] = [];
  createInterface({ input: child.stderr! }).on('line', (line) => {
    if (/^E: /.test(line)) complaints.push(line.slice(3));
  });
  createInterface({ input: child.stdio[3] as Readable }).on('line', (line) => {
    const [kind, , percent, text] = line.split(':');
    if (kind === 'pmstatus' || kind === 'dlstatus') progress(`${Math.round(Number(percent))} % ${text ?? ''}`);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0)
    throw new SystemPackagesError(`apt-get ${args[0]} failed: ${complaints.at(-1) ?? `exit code ${code}`}`);
}
