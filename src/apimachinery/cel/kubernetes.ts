/**
 * The environment that Kubernetes gives to every expression.
 * https://kubernetes.io/docs/reference/using-api/cel/#cel-options-language-features-and-libraries
 */
import { Environment } from './environment.js';
import { authorizerLibrary } from './library/authorizer.js';
import { comprehensionLibrary } from './library/comprehensions.js';
import { listLibrary, setLibrary } from './library/lists.js';
import { formatLibrary } from './library/named-formats.js';
import { networkLibrary } from './library/network.js';
import { operatorLibrary } from './library/operators.js';
import { optionalLibrary } from './library/optional.js';
import { quantityLibrary } from './library/quantity.js';
import { regexLibrary } from './library/regex.js';
import { semverLibrary } from './library/semver.js';
import { standardLibrary } from './library/standard.js';
import { stringLibrary } from './library/strings.js';
import { urlLibrary } from './library/url.js';

let built: Environment | undefined;

/** Made when the first expression is compiled. */
export function kubernetesEnvironment(): Environment {
  built ??= Environment.empty.extend({
    libraries: [
      ...[operatorLibrary, standardLibrary, optionalLibrary, comprehensionLibrary],
      ...[stringLibrary, listLibrary, setLibrary],
      ...[urlLibrary, regexLibrary, quantityLibrary, networkLibrary, formatLibrary, semverLibrary, authorizerLibrary],
    ],
  });
  return built;
}
