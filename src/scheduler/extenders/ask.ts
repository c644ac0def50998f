/** Answers what a decision asks its extenders, one after the other. */
import type { Pod } from '#api/gen/core-v1.js';
import type { Log } from '#base/log.js';
import type { Answer, decide, Outcome, Question, Screening } from '../cycle.js';
import { SchedulerError } from '../framework.js';
import type { NodeInfo } from '../node-info.js';
import type { Candidate } from '../node-memo.js';
import type { Extender } from './extender.js';

export interface AskOptions {
  pod: Pod;
  /** Those that the pod is of interest to. */
  extenders: readonly Extender[];
  log: Log;
}

/** What extenders give from 0 to 10 counts like what plugins give from 0 to 100. */
const scoreFactor = 10;

/** Throws SchedulerError when one that must not be ignored cannot be asked. */
export async function decideWith(decision: ReturnType<typeof decide>, options: AskOptions): Promise<Outcome> {
  let step = decision.next();
  while (!step.done) step = decision.next(await answerTo(step.value, options));
  return step.value;
}

async function answerTo(question: Question, options: AskOptions): Promise<Answer> {
  switch (question.ask) {
    case 'filter':
      return await screen(question.nodes, options);
    case 'prioritize':
      return await prioritize(question.nodes, options);
    case 'preempt':
      return await agree(question.candidates, options);
  }
}

/** Each sees what those before it have left. */
async function screen(all: readonly NodeInfo[], { pod, extenders, log }: AskOptions): Promise<Screening> {
  let nodes = [...all];
  const rejected: Screening['rejected'][number][] = [];
  for (const extender of extenders) {
    if (!extender.settings.verbs.filter || nodes.length === 0) continue;
    const screened = await unlessIgnored(extender, log, () => extender.filter(pod, nodes));
    if (!screened) continue;
    rejected.push(...screened.rejected);
    nodes = screened.nodes;
  }
  return { nodes, rejected };
}

/** Without the scores of one that fails, the others decide. */
async function prioritize(
  nodes: readonly NodeInfo[],
  { pod, extenders, log }: AskOptions,
): Promise<Map<string, number>> {
  const asked = extenders.filter(({ settings }) => settings.verbs.prioritize);
  const all = await Promise.all(
    asked.map(async (extender) => {
      try {
        return await extender.prioritize(pod, nodes);
      } catch (error) {
        if (!(error instanceof SchedulerError)) throw error;
        log.warn('an extender gave no scores', { extender: extender.settings.url, err: error });
        return new Map<string, number>();
      }
    }),
  );
  const sums = new Map<string, number>();
  for (const scores of all)
    for (const [name, score] of scores) sums.set(name, (sums.get(name) ?? 0) + score * scoreFactor);
  return sums;
}

async function agree(all: readonly Candidate[], { pod, extenders, log }: AskOptions): Promise<readonly Candidate[]> {
  let candidates = all;
  for (const extender of extenders) {
    if (!extender.settings.verbs.preempt || candidates.length === 0) continue;
    candidates = (await unlessIgnored(extender, log, () => extender.preempt(pod, candidates))) ?? candidates;
  }
  return candidates;
}

async function unlessIgnored<T>(extender: Extender, log: Log, work: () => Promise<T>): Promise<T | undefined> {
  const { ignorable, url } = extender.settings;
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SchedulerError) || !ignorable) throw error;
    log.warn('an extender is ignored', { extender: url, err: error });
    return undefined;
  }
}
