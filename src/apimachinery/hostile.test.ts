/** Texts of a megabyte, and texts of the wrong pieces, for everything that reads small texts of users. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrProblems, ipProblems, parseAddress, parseRange } from './addresses.js';
import { parseDate, parseTimestamp } from './cel/time.js';
import { SchemaError } from './codec/schema-error.js';
import { parseDuration, parseInstant } from './codec/time.js';
import { CronError, parseCron } from './cron.js';
import { parseFieldSelector } from './field-selector.js';
import { parseJsonPath } from './json-path.js';
import { parseElement } from './managed-fields/path-element.js';
import { labelProblems, labelValueProblems, qualifiedNameProblems, subdomainProblems } from './names.js';
import { parseApiVersion } from './object.js';
import { ParseError } from './parse-error.js';
import { Quantity } from './quantity.js';
import { parseLabelSelector } from './selectors.js';

const size = 1 << 20;
const known = [ParseError, SchemaError, CronError, SyntaxError, RangeError];

const readers: Record<string, { read: (text: string) => unknown; pieces: string[] }> = {
  'an instant': { read: parseInstant, pieces: ['2020-01-01T00:00:00', 'Z', '+01:00', '.', '0', '9', '-', 'T', ':'] },
  'a duration': { read: parseDuration, pieces: ['1', 'h', 'm', 's', 'ms', 'µs', '.', '-', '+', '0', '9'] },
  'a timestamp of CEL': { read: parseTimestamp, pieces: ['2020-01-01T00:00:00', 'Z', '+01:00', '.', '9', 't', ' '] },
  'a date': { read: parseDate, pieces: ['2020', '-', '01', '0', '9', ' '] },
  'a label selector': {
    read: parseLabelSelector,
    pieces: ['a', '=', '!=', ' in ', ' notin ', '(', ')', ',', '!', '>', ' '],
  },
  'a field selector': { read: parseFieldSelector, pieces: ['a', '=', '!=', '==', ',', '\\', '.', ' '] },
  'a JSONPath': {
    read: parseJsonPath,
    pieces: ['.a', '[', ']', '*', '?(', ')', '@', '..', '"', "'", '{', '}', ':', '-1', '\\'],
  },
  'a schedule': {
    read: parseCron,
    pieces: ['*', '/', '-', ',', '1', '60', ' ', 'MON', '?', '@every ', '@daily', '1h', 'L'],
  },
  'an address': { read: parseAddress, pieces: ['1', '255', '.', ':', '::', 'ffff', '%eth0', '/', 'g'] },
  'a range': { read: parseRange, pieces: ['10.0.0.0', '/', '8', '::', 'fd00', ':', '129', '-'] },
  'problems of an address': { read: ipProblems, pieces: ['1', '.', '::', 'ffff', '01', '%'] },
  'problems of a range': { read: cidrProblems, pieces: ['1', '.', '::', '/', '01', '%'] },
  'a quantity': {
    read: (text) => Quantity.parse(text).toString(),
    pieces: ['1', '.', 'e', 'E', 'Ki', 'm', 'n', '-', '+', '9', '0'],
  },
  'an apiVersion': { read: parseApiVersion, pieces: ['a', '/', '.', 'v1'] },
  'a path element': { read: parseElement, pieces: ['f:', 'k:', 'v:', 'i:', '{', '}', '"a"', ':', '1', '.'] },
  'problems of a label': { read: labelProblems, pieces: ['a', '-', '.', 'A'] },
  'problems of a label value': { read: labelValueProblems, pieces: ['a', '-', '.', '_', 'A'] },
  'problems of a subdomain': { read: subdomainProblems, pieces: ['a', '-', '.', 'A'] },
  'problems of a qualified name': { read: qualifiedNameProblems, pieces: ['a', '-', '.', '/', '_'] },
};

/** Reads it or complains; anything but complaints is a bug. */
function attempt(read: (text: string) => unknown, text: string): void {
  // Of processor time: the machine may have more to do.
  const start = process.cpuUsage();
  try {
    read(text);
  } catch (error) {
    if (!known.some((Known) => error instanceof Known)) throw error;
  }
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(5_000);
}

describe.each(Object.entries(readers))('%s', (_, { read, pieces }) => {
  it('is read or refused, whatever it is made of', () => {
    const text = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 })), { maxLength: 12 });
    fc.assert(
      fc.property(text, (parts) => attempt(read, parts.join(''))),
      { numRuns: 300 },
    );
  });

  it('is read or refused in bounded time when each piece fills a megabyte, and each two by turns', () => {
    for (const one of pieces) {
      attempt(read, one.repeat(size / one.length));
      const [first] = pieces as [string];
      attempt(read, `${first}${`${one}${first}`.repeat(size / (one.length + first.length))}!`);
    }
  });
});
