/** URLs. https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-url-library */
import { type FunctionDeclaration, type Library, member, overload } from '../declarations.js';
import { checkRequestUri, hostName, hostPort, parseUrl, queryValues, type Url, UrlError, urlText } from '../net/url.js';
import { boolType, listType, mapType, stringType, structType, type Type } from '../types.js';
import { ArrayList, CelError, EntryMap, Opaque, type Value } from '../values.js';

const urlType = structType('kubernetes.URL');

class UrlValue extends Opaque {
  override readonly type = urlType;
  readonly url: Url;

  constructor(url: Url) {
    super();
    this.url = url;
  }

  override equals(other: Value): boolean {
    return other instanceof UrlValue && urlText(other.url) === urlText(this.url);
  }
}

function parse(text: Value): UrlValue | CelError {
  try {
    checkRequestUri(text as string);
    return new UrlValue(parseUrl(text as string));
  } catch (error) {
    if (error instanceof UrlError)
      return new CelError(`URL parse error during conversion from string: ${error.message}`);
    throw error;
  }
}

function query(url: Url): Value {
  return EntryMap.of([...queryValues(url)].map(([key, values]) => [key, new ArrayList(values)]));
}

function accessor(name: string, id: string, call: (url: Url) => Value, result: Type = stringType): FunctionDeclaration {
  return { name, overloads: [member(id, [urlType], result, (url) => call((url as UrlValue).url))] };
}

export const urlLibrary: Library = {
  functions: [
    { name: 'url', overloads: [overload('string_to_url', [stringType], urlType, parse)] },
    {
      name: 'isURL',
      overloads: [overload('is_url_string', [stringType], boolType, (text) => parse(text) instanceof UrlValue)],
    },
    accessor('getScheme', 'url_get_scheme', ({ scheme }) => scheme),
    accessor('getHost', 'url_get_host', ({ host }) => host),
    accessor('getHostname', 'url_get_hostname', hostName),
    accessor('getPort', 'url_get_port', hostPort),
    accessor('getEscapedPath', 'url_get_escaped_path', ({ escapedPath }) => escapedPath),
    accessor('getQuery', 'url_get_query', query, mapType(stringType, listType(stringType))),
  ],
};
