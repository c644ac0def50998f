/** Finding by regular expressions. https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-regex-library */
import { type Library, member } from '../declarations.js';
import { find, findAll } from '../regex.js';
import { intType, listType, stringType } from '../types.js';
import { ArrayList, CelError, type Result, type Value } from '../values.js';

function all(text: Value, pattern: Value, countMax: Value = -1): Result {
  const found = findAll(text as string, pattern as string, countMax as number);
  return found instanceof CelError ? found : new ArrayList(found);
}

const texts = [stringType, stringType];

export const regexLibrary: Library = {
  functions: [
    {
      name: 'find',
      overloads: [
        member('string_find_string', texts, stringType, (text, pattern) => find(text as string, pattern as string)),
      ],
    },
    {
      name: 'findAll',
      overloads: [
        member('string_find_all_string', texts, listType(stringType), (text, pattern) => all(text, pattern)),
        member('string_find_all_string_int', [...texts, intType], listType(stringType), all),
      ],
    },
  ],
};
