/**
 * `/statusz` and `/flagz`: what this server is and how it was set up, as text for people or as an object for tools.
 * https://kubernetes.io/docs/reference/instrumentation/zpages/
 */
import { notAcceptable } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { below, type Prng } from '#base/prng.js';
import type { Answer, Call } from './call.js';
import { encodeText } from './http/respond.js';
import { contentTypes, isPretty, refusalMedia } from './media.js';
import { accepts, type MediaType, parseAccept } from './media-type.js';
import type { PathHandler } from './path-handler.js';
import type { VersionInfo } from './paths.js';
import type { RequestInfo } from './request-info.js';

/** As upstream's server calls itself here. */
const component = 'apiserver';
const group = 'config.k8s.io';
/** Those asked for, each with whether it is going away. */
const versions: Readonly<Record<string, { deprecated: boolean }>> = {
  v1alpha1: { deprecated: true },
  v1beta1: { deprecated: false },
};

const textType = 'text/plain';
/** In the order in which a wildcard takes them. */
const offered = [contentTypes.json, contentTypes.yaml, textType];

/** One of them, drawn anew, keeps programs from reading the text, whose form is promised to nobody. */
const delimiters = [':', ': ', '=', ' '];

interface Page {
  /** `statusz`, and with a capital letter its kind. */
  name: string;
  fields: () => object;
  /** What comes below the heading. */
  text: () => string;
}

export interface StatuszOptions {
  clock: Clock;
  prng: Prng;
  version: VersionInfo;
  /** Those of the index at `/`. */
  paths: readonly string[];
}

/** The program counts as started when this is called. */
export function statuszPath({ clock, prng, version, paths }: StatuszOptions): PathHandler {
  const startMs = Math.floor(clock.now() / 1000) * 1000;
  const upSeconds = () => Math.max(0, Math.floor((clock.now() - startMs) / 1000));
  const binaryVersion = `${version.major}.${version.minor}`;
  const emulationVersion = `${version.emulationMajor}.${version.emulationMinor}`;
  const folders = foldersOf(paths);
  const fields = () => ({
    startTime: formatTime(startMs),
    uptimeSeconds: upSeconds(),
    goVersion: version.goVersion,
    binaryVersion,
    emulationVersion,
    paths: folders,
  });
  const text = () => {
    const rows = [
      ['Started', unixDate(startMs)],
      ['Up', uptime(upSeconds())],
      ['Go version', version.goVersion],
      ['Binary version', binaryVersion],
      ['Emulation version', emulationVersion],
      ['Paths', folders.join(' ')],
    ];
    const delimiter = drawn(prng);
    return `\n${rows.map(([name, value]) => `${name}${delimiter} ${value}\n`).join('')}`;
  };
  return pagePath({ name: 'statusz', fields, text });
}

/** `flags`: their values as texts, by their names. */
export function flagzPath(flags: Readonly<Record<string, string>>, prng: Prng): PathHandler {
  const sorted = Object.entries(flags).sort(([a], [b]) => (a < b ? -1 : 1));
  const delimiter = drawn(prng);
  return pagePath({
    name: 'flagz',
    fields: () => ({ flags: Object.fromEntries(sorted) }),
    text: () => sorted.map(([name, value]) => `${name}${delimiter}${value}\n`).join(''),
  });
}

function pagePath(page: Page): PathHandler {
  return (call, info) => (info.path === `/${page.name}` ? answerPage(page, call, info) : undefined);
}

function answerPage(page: Page, { headers }: Call, { query }: RequestInfo): Answer {
  const { name, fields } = page;
  const kind = name[0]!.toUpperCase() + name.slice(1);
  const wanted = wantedForm(headers['accept'], kind);
  if (!wanted) return refusal(headers, query);
  if (wanted === 'text') {
    const body = `\n${component} ${name}\n${caution}\n${page.text()}`;
    return { type: 'bytes', code: 200, contentType: `${textType}; charset=utf-8`, body };
  }
  const { format, version } = wanted;
  const value = { kind, apiVersion: `${group}/${version}`, metadata: { name: component }, ...fields() };
  const notice = `299 - "This version of the ${name} endpoint is deprecated. Please use a newer version."`;
  return {
    type: 'bytes',
    code: 200,
    contentType: `${contentTypes[format]};g=${group};v=${version};as=${kind}`,
    body: encodeText(value, { format, pretty: isPretty(query, headers['user-agent']) }),
    headers: versions[version]!.deprecated ? { warning: notice } : {},
  };
}

const caution =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.';

type Form = 'text' | { format: 'json' | 'yaml'; version: string };

/** An object only for who names its group, version and kind; anything else that takes text gets text. */
function wantedForm(accept: string | undefined, kind: string): Form | undefined {
  if (!accept?.trim()) return 'text';
  for (const clause of parseAccept(accept))
    for (const type of offered) {
      if (!accepts(clause, type)) continue;
      const form = formOf(clause, { type, kind });
      if (form) return form;
    }
  return undefined;
}

function formOf({ params }: MediaType, { type, kind }: { type: string; kind: string }): Form | undefined {
  const { as, g, v, stream, sv } = params;
  if (stream || sv) return undefined;
  if (type === textType) return as === undefined && g === undefined && v === undefined ? 'text' : undefined;
  if (as !== kind || g !== group || !v || !Object.hasOwn(versions, v)) return undefined;
  return { format: type === contentTypes.yaml ? 'yaml' : 'json', version: v };
}

/** These pages have no protobuf form, and so are not refused in it either. */
function refusal(headers: Call['headers'], query: URLSearchParams): Answer {
  const error = notAcceptable(offered);
  if (refusalMedia(headers, query).format !== 'protobuf') throw error;
  return { type: 'value', code: error.code, value: error.status };
}

function drawn(prng: Prng): string {
  return delimiters[below(prng, delimiters.length)]!;
}

/** The API itself and the documents about it are no pages for debugging. */
const documents = ['', 'api', 'apis', 'openapi', 'openid', '.well-known'];

function foldersOf(paths: readonly string[]): string[] {
  const names = new Set(paths.map((path) => path.split('/')[1] ?? ''));
  return [...names]
    .filter((name) => !documents.includes(name))
    .map((name) => `/${name}`)
    .sort();
}

function uptime(seconds: number): string {
  const twoDigits = (value: number) => String(value % 60).padStart(2, '0');
  return `${Math.floor(seconds / 3600)} hr ${twoDigits(Math.floor(seconds / 60))} min ${twoDigits(seconds)} sec`;
}

/** Go's time.UnixDate: `Thu Nov  6 02:49:00 UTC 2025`. */
function unixDate(epochMs: number): string {
  const [weekday, day, month, year, time] = new Date(epochMs).toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} UTC ${year}`;
}
