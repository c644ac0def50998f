/** Copies between a client's stream and a connection into a pod; each direction ends by itself. */
import { type Duplex, finished, type Writable } from 'node:stream';

export interface Forward {
  data: Duplex;
  /** Ended by the caller. */
  error: Writable;
  port: number;
  /** Aborts when the client has gone. */
  signal: AbortSignal;
  connect(): Promise<NodeJS.ReadWriteStream>;
}

/** Resolves when both directions have ended; throws what the connection failed with. */
export async function forward({ data, signal, connect }: Forward): Promise<void> {
  const target = (await connect()) as Duplex;
  try {
    await new Promise<void>((resolve, reject) => {
      const abort = () => resolve();
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) resolve();
      finished(target, (error) => {
        signal.removeEventListener('abort', abort);
        // A client that leaves takes the connection with it: that is no failure of the pod's.
        if (error && !data.destroyed && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') reject(error);
        else resolve();
      });
      // The client's connection is over for good: nothing that the pod still says can reach it.
      data.once('close', abort);
      data.once('reset', abort);
      data.pipe(target);
      target.pipe(data, { end: true });
    });
    // What the pod has said must be on its way before the stream is ended for the client.
    if (!data.destroyed && !data.writableFinished) await new Promise<void>((resolve) => data.end(() => resolve()));
  } finally {
    data.unpipe(target);
    target.destroy();
  }
}
