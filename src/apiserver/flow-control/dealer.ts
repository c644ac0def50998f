/**
 * Shuffle sharding: each flow gets a hand of queues out of all, so that one flood fills only the queues of its hand, and
 * few other flows have that whole hand.
 * https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#defining-priority-levels
 */
import { createHash } from 'node:crypto';

/** What a flow is told apart by: its schema's name and its distinguisher. */
export function flowHash(schemaName: string, distinguisher: string): bigint {
  return createHash('sha256').update(`${schemaName}\0${distinguisher}`).digest().readBigUInt64LE(0);
}

/** `size` different numbers below `deck`, the same for the same hash. */
export function dealHand(hash: bigint, { deck, size }: { deck: number; size: number }): number[] {
  const hand: number[] = [];
  let rest = hash;
  for (let dealt = 0; dealt < size; dealt++) {
    const left = BigInt(deck - dealt);
    let card = Number(rest % left);
    rest /= left;
    // The number counts among the cards that are left: each dealt one at or below it moves it up.
    for (const taken of [...hand].sort((a, b) => a - b)) if (card >= taken) card++;
    hand.push(card);
  }
  return hand;
}
