import { expect, it } from 'vitest';
import { openBrowserRules } from './browsers.js';

const rules = (corsAllowedOrigins: string[], strictTransportSecurityDirectives: string[] = []) =>
  openBrowserRules({ corsAllowedOrigins, strictTransportSecurityDirectives });

it('lets in the origins that a pattern fits, and says nothing where nothing is set', async () => {
  const { allowsOrigin } = (await rules(['http://ok.com$', '//a\\.b(:|$)']))!;
  const letIn = ['http://ok.com', 'https://a.b', 'https://a.b:8443'];
  const keptOut = ['http://ok.com.evil', 'https://a.bc', 'http://OK.com', 'null', 'ok.com'];
  expect(letIn.filter(allowsOrigin)).toEqual(letIn);
  expect(keptOut.filter(allowsOrigin)).toEqual([]);
  expect(await rules([])).toBeUndefined();
});

it('joins directives', async () => {
  const { strictTransport } = (await rules([], ['max-age=5', 'preload']))!;
  expect(strictTransport).toBe('max-age=5; preload');
});

it.each([
  [['a.b$'], [], 'must hold on to the start of the host'],
  [['//a.b'], [], 'must hold on to the end of the host'],
  [['^(:$'], [], 'cannot be read'],
  [[' '], [], 'is no pattern'],
  [[], ['max-age'], 'must be max-age=<seconds>, includeSubDomains or preload'],
])('refuses %j and %j', async (origins, directives, why) => {
  await expect(rules(origins, directives)).rejects.toThrow(why);
});
