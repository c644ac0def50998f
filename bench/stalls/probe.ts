/**
 * Loaded into the server's process before its own code (`node --import`): notes how much processor time its main thread
 * takes between two turns of the event loop, and tells the longest of them on a socket. Time in which the machine runs
 * something else does not count, so that a busy machine gives the same figures as a quiet one.
 */
import { openSync, readSync, unlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';

const socket = process.env['T8S_STALL_SOCKET'];
if (socket) {
  const buffer = Buffer.alloc(64);
  const schedule = openSync('/proc/self/schedstat', 'r');
  /** Of the main thread, since it began. */
  const cpuMs = () => {
    const length = readSync(schedule, buffer, 0, buffer.length, 0);
    return Number(buffer.toString('latin1', 0, length).split(' ', 1)[0]) / 1e6;
  };
  let longestMs = 0;
  let lastMs = cpuMs();
  const look = () => {
    const nowMs = cpuMs();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  };
  const server = createServer((connection) => {
    look();
    connection.end(String(longestMs));
    longestMs = 0;
  });
  server.listen(socket).unref();
  process.once('exit', () => unlinkSync(socket));
  const watch = async () => {
    for (;;) {
      await after(1, undefined, { ref: false });
      look();
    }
  };
  void watch();
}
