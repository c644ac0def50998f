/** The settings of what answers say to browsers, by the names of kube-apiserver's flags. */
import { compilePatterns, patternProblem } from '#apimachinery/structural/patterns.js';
import type { BrowserRules } from '#apiserver/http/browsers.js';
import { ConfigError, list, type Setting } from '../setting.js';

export interface BrowserSettings {
  corsAllowedOrigins: readonly string[];
  strictTransportSecurityDirectives: readonly string[];
}

export const browserSettings: Record<keyof BrowserSettings, Setting> = {
  corsAllowedOrigins: list('cors-allowed-origins', "patterns of sites whose pages may read the server's answers", []),
  strictTransportSecurityDirectives: list('strict-transport-security-directives', 'tell browsers to keep to HTTPS', []),
};

/** Undefined where browsers are told nothing. Throws ConfigError. */
export async function openBrowserRules(settings: BrowserSettings): Promise<BrowserRules | undefined> {
  const { corsAllowedOrigins: origins, strictTransportSecurityDirectives: directives } = settings;
  if (origins.length === 0 && directives.length === 0) return undefined;
  const patterns = await compilePatterns(origins);
  for (const pattern of origins) checkOrigin(pattern);
  for (const directive of directives) checkDirective(directive);
  return {
    allowsOrigin: (origin) => origins.some((pattern) => patterns.matches(pattern, origin)),
    strictTransport: directives.join('; '),
  };
}

/** A pattern that does not hold on to both ends of a host would let in hosts that only contain it (CVE-2022-1996). */
function checkOrigin(pattern: string): void {
  const problem = patternProblem(pattern);
  const refuse = (why: string) => new ConfigError(`--cors-allowed-origins: ${JSON.stringify(pattern)} ${why}`);
  if (pattern.trim() === '') throw refuse('is no pattern');
  if (problem !== undefined) throw refuse(`cannot be read: ${problem}`);
  if (!/\^|\/\//.test(pattern)) throw refuse('must hold on to the start of the host, by ^ or //');
  if (!/[$:]/.test(pattern)) throw refuse('must hold on to the end of the host, by $ or (:|$)');
}

function checkDirective(directive: string): void {
  if (/^(includeSubDomains|preload|max-age=[^=]*)$/.test(directive)) return;
  const why = 'must be max-age=<seconds>, includeSubDomains or preload';
  throw new ConfigError(`--strict-transport-security-directives: ${JSON.stringify(directive)} ${why}`);
}
