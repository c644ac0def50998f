/** Streams into containers and sandboxes. Not there yet: says so. */
import { RuntimeError, type StreamOptions } from '../runtime.js';

export async function runStreams(_url: string, _options: StreamOptions): Promise<number> {
  throw new RuntimeError('failed', 'streams into containers are not implemented yet');
}

export async function openPort(_url: string, _port: number): Promise<NodeJS.ReadWriteStream> {
  throw new RuntimeError('failed', 'port forwarding is not implemented yet');
}
