/**
 * The pause program, written byte by byte, and its image: process 1 of every sandbox. It holds the namespaces, reaps
 * children when the pod shares its process namespace, and ends on SIGTERM or SIGINT. Made here, so that a cluster
 * starts with no network at all.
 */
import { assembleImage, assembleLayer, type Image } from './oci.js';

/** The name the runtime asks for. The registry need not exist: the image is always imported, never pulled. */
export const pauseReference = 'registry.t8s.local/pause:1';

export type Architecture = 'amd64' | 'arm64';

/** This machine's, in the words of the OCI image specification. Throws when there is no pause program for it. */
export function hostArchitecture(): Architecture {
  if (process.arch === 'x64') return 'amd64';
  if (process.arch === 'arm64') return 'arm64';
  throw new Error(`there is no pause program for the ${process.arch} architecture`);
}

export async function pauseImage(architecture: Architecture = hostArchitecture()): Promise<Image> {
  const layer = await assembleLayer([{ path: 'pause', mode: 0o755, content: pauseProgram(architecture) }]);
  return assembleImage({
    names: [pauseReference],
    architecture,
    layers: [layer],
    // The same unprivileged user as upstream's pause image.
    config: { Entrypoint: ['/pause'], User: '65535:65535', WorkingDir: '/' },
  });
}

/** Where the file is mapped, headers included: the customary address of a static executable. */
const baseAddress = 0x400000;
const elfHeaderBytes = 64;
const programHeaderBytes = 56;
const codeOffset = elfHeaderBytes + programHeaderBytes;

const SIGINT = 2;
const SIGTERM = 15;
const SIGCHLD = 17;
/** A kernel signal set: bit n-1 stands for signal n. */
const signalMask = (1 << (SIGINT - 1)) | (1 << (SIGTERM - 1)) | (1 << (SIGCHLD - 1));

/** A static ELF64 executable with one segment, no sections and no libraries. */
export function pauseProgram(architecture: Architecture): Buffer {
  const code = architecture === 'amd64' ? amd64() : arm64();
  const mask = Buffer.alloc(8);
  mask.writeUInt32LE(signalMask, 0);
  const body = Buffer.concat([code, mask]);
  return Buffer.concat([elfHeader(architecture), programHeader(codeOffset + body.length), body]);
}

/** System V ABI, chapter 4, "ELF Header". */
function elfHeader(architecture: Architecture): Buffer {
  const header = Buffer.alloc(elfHeaderBytes);
  header.write('\x7fELF', 0, 'latin1'); // the magic number
  header[4] = 2; // 64 bits
  header[5] = 1; // little endian
  header[6] = 1; // version of the identification
  header.writeUInt16LE(2, 16); // an executable at a fixed address
  header.writeUInt16LE(architecture === 'amd64' ? 62 : 183, 18); // EM_X86_64, EM_AARCH64
  header.writeUInt32LE(1, 20); // version of the object file
  header.writeBigUInt64LE(BigInt(baseAddress + codeOffset), 24); // the entry point: our first instruction
  header.writeBigUInt64LE(BigInt(elfHeaderBytes), 32); // program headers follow this one
  header.writeUInt16LE(elfHeaderBytes, 52);
  header.writeUInt16LE(programHeaderBytes, 54);
  header.writeUInt16LE(1, 56); // one program header
  return header;
}

/** System V ABI, chapter 5, "Program Header": maps the whole file, readable and executable. */
function programHeader(fileBytes: number): Buffer {
  const header = Buffer.alloc(programHeaderBytes);
  header.writeUInt32LE(1, 0); // PT_LOAD
  header.writeUInt32LE(4 | 1, 4); // PF_R | PF_X
  header.writeBigUInt64LE(0n, 8); // from the start of the file
  header.writeBigUInt64LE(BigInt(baseAddress), 16); // to this virtual address
  header.writeBigUInt64LE(BigInt(baseAddress), 24); // the physical address means nothing here
  header.writeBigUInt64LE(BigInt(fileBytes), 32);
  header.writeBigUInt64LE(BigInt(fileBytes), 40); // as much memory as file
  header.writeBigUInt64LE(0x1000n, 48); // page alignment
  return header;
}

/**
 * The program, for both architectures:
 *
 *         rt_sigprocmask(SIG_BLOCK, &mask, NULL, 8)
 *   wait: signal = rt_sigtimedwait(&mask, NULL, NULL, 8)
 *         if (signal == SIGCHLD) goto reap
 *         if (signal == SIGINT || signal == SIGTERM) goto exit
 *         goto wait
 *   reap: if (wait4(-1, NULL, WNOHANG, NULL) > 0) goto reap
 *         goto wait
 *   exit: exit_group(0)
 *
 * The kernel drops signals that process 1 of a namespace has no handler for, but queues blocked ones, so waiting for
 * them needs neither a handler nor its return trampoline.
 */
type Label = 'wait' | 'reap' | 'exit' | 'mask';

/** Bytes; or a label that stands here; or bytes that depend on where a label is. */
type Piece = readonly number[] | Label | { bytes: number; encode(here: number, target: number): number; to: Label };

/** Lays the pieces out and fills in the distances. `mask` is the end of the code. */
function layOut(pieces: readonly Piece[]): Buffer {
  const at = new Map<Label, number>();
  let size = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') at.set(piece, size);
    else size += 'bytes' in piece ? piece.bytes : piece.length;
  }
  at.set('mask', size);
  const code = Buffer.alloc(size);
  let here = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') continue;
    if ('bytes' in piece) {
      code.writeUIntLE(piece.encode(here, at.get(piece.to)!) >>> 0, here, piece.bytes);
      here += piece.bytes;
    } else {
      code.set(piece, here);
      here += piece.length;
    }
  }
  return code;
}

/** Intel SDM volume 2; arguments go in rdi, rsi, rdx, r10, the call's number in eax. */
function amd64(): Buffer {
  // A short jump's distance is one signed byte, counted from the end of the jump.
  const short = (to: Label): Piece => ({ bytes: 1, to, encode: (here, target) => (target - (here + 1)) & 0xff });
  const address = (to: Label): Piece => ({ bytes: 4, to, encode: (_, target) => baseAddress + codeOffset + target });
  const syscall = [0x0f, 0x05];
  // biome-ignore format: one instruction a line.
  return layOut([
    [0x31, 0xff], //                 xor edi, edi      SIG_BLOCK is 0
    [0xbe], address('mask'), //      mov esi, mask
    [0x31, 0xd2], //                 xor edx, edx      the old mask is not wanted
    [0x41, 0xba, 8, 0, 0, 0], //     mov r10d, 8       bytes in a signal set
    [0xb8, 14, 0, 0, 0], //          mov eax, 14       rt_sigprocmask
    syscall,
    'wait',
    [0xbf], address('mask'), //      mov edi, mask
    [0x31, 0xf6], //                 xor esi, esi      no details wanted
    [0x31, 0xd2], //                 xor edx, edx      no time limit
    [0x41, 0xba, 8, 0, 0, 0], //     mov r10d, 8
    [0xb8, 128, 0, 0, 0], //         mov eax, 128      rt_sigtimedwait
    syscall,
    [0x83, 0xf8, SIGCHLD], //        cmp eax, SIGCHLD
    [0x74], short('reap'), //        je reap
    [0x83, 0xf8, SIGINT], //         cmp eax, SIGINT
    [0x74], short('exit'), //        je exit
    [0x83, 0xf8, SIGTERM], //        cmp eax, SIGTERM
    [0x74], short('exit'), //        je exit
    [0xeb], short('wait'), //        jmp wait          interrupted
    'reap',
    [0x83, 0xcf, 0xff], //           or edi, -1        any child
    [0x31, 0xf6], //                 xor esi, esi      its status is not wanted
    [0xba, 1, 0, 0, 0], //           mov edx, 1        WNOHANG
    [0x45, 0x31, 0xd2], //           xor r10d, r10d    nor what it used
    [0xb8, 61, 0, 0, 0], //          mov eax, 61       wait4
    syscall,
    [0x85, 0xc0], //                 test eax, eax
    [0x7f], short('reap'), //        jg reap           one reaped, there may be more
    [0xeb], short('wait'), //        jmp wait
    'exit',
    [0x31, 0xff], //                 xor edi, edi      status 0
    [0xb8, 231, 0, 0, 0], //         mov eax, 231      exit_group
    syscall,
  ]);
}

/** Arm Architecture Reference Manual, part C6; arguments go in x0 to x3, the call's number in x8. */
function arm64(): Buffer {
  const word = (value: number): Piece => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
  const move = (register: number, value: number) => word(0xd2800000 + (value << 5) + register); // movz x, #value
  const compare = (value: number) => word(0x7100001f + (value << 10)); // cmp w0, #value
  // A conditional branch holds the distance in words in bits 5 to 23, the condition in bits 0 to 3.
  const branchIf = (condition: number, to: Label): Piece => ({
    bytes: 4,
    to,
    encode: (here, target) => 0x54000000 + ((((target - here) / 4) & 0x7ffff) << 5) + condition,
  });
  const branch = (to: Label): Piece => ({
    bytes: 4,
    to,
    encode: (here, target) => 0x14000000 + (((target - here) / 4) & 0x3ffffff),
  });
  // adr x, mask: the distance in bytes, here always a multiple of four, so only its upper part is set.
  const addressOfMask = (register: number): Piece => ({
    bytes: 4,
    to: 'mask',
    encode: (here, target) => 0x10000000 + (((target - here) / 4) << 5) + register,
  });
  const equal = 0;
  const greater = 12;
  const syscall = word(0xd4000001); // svc #0
  // biome-ignore format: one instruction a line.
  return layOut([
    move(0, 0), addressOfMask(1), move(2, 0), move(3, 8), move(8, 135), syscall, // rt_sigprocmask
    'wait',
    addressOfMask(0), move(1, 0), move(2, 0), move(3, 8), move(8, 137), syscall, // rt_sigtimedwait
    compare(SIGCHLD), branchIf(equal, 'reap'),
    compare(SIGINT), branchIf(equal, 'exit'),
    compare(SIGTERM), branchIf(equal, 'exit'),
    branch('wait'),
    'reap',
    word(0x92800000), move(1, 0), move(2, 1), move(3, 0), move(8, 260), syscall, // movn x0, #0 is -1; wait4
    compare(0), branchIf(greater, 'reap'),
    branch('wait'),
    'exit',
    move(0, 0), move(8, 94), syscall, // exit_group
  ]);
}
