/**
 * Holds what came of a run against `docs/conformance.md`: with CONFORMANCE_PAGE=write it writes the page, without it a
 * difference fails the run. Names that did not run this time keep the result they had.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';
import { isOfficial } from './official.js';
import { labelsInTree, pagePath, type Result, readPage, renderPage } from './page.js';

export default class ConformanceReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const labels = labelsInTree();
    const results = readPage();
    const ran = resultsOf(modules);
    if (ran.size === 0) return;
    for (const [name, { result, file }] of ran) {
      results.set(name, result);
      labels.set(name, file);
    }
    for (const name of [...results.keys()]) if (!labels.has(name)) results.delete(name);
    const page = renderPage(results, labels);
    if (process.env['CONFORMANCE_PAGE'] === 'write') writeFileSync(pagePath, page);
    else if (!existsSync(pagePath) || readFileSync(pagePath, 'utf8') !== page) {
      process.exitCode = 1;
      process.stderr.write(
        'docs/conformance.md tells something else than this run: `npm run conformance` rewrites it\n',
      );
    }
    const passed = [...results.values()].filter((result) => result === 'pass').length;
    process.stdout.write(`conformance: ${passed} of ${labels.size} labelled names pass\n`);
  }
}

interface Ran {
  result: Result;
  /** Below the root of the tree. */
  file: string;
}

function resultsOf(modules: readonly TestModule[]): Map<string, Ran> {
  const results = new Map<string, Ran>();
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (isOfficial(test.name) && (state === 'passed' || state === 'failed'))
        results.set(test.name, { result: state === 'passed' ? 'pass' : 'fail', file: module.relativeModuleId });
    }
  }
  return results;
}
