import { describe, expect, it } from 'vitest';
import { normalizeReference, parseReference } from './reference.js';

const digest = `sha256:${'ab'.repeat(32)}`;

describe('an image reference', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.25', 'docker.io/library/nginx:1.25'],
    ['user/app', 'docker.io/user/app:latest'],
    ['index.docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/app:v1', 'localhost:5000/app:v1'],
    ['127.0.0.1:1/none:1', '127.0.0.1:1/none:1'],
    ['gcr.io/a/b/c', 'gcr.io/a/b/c:latest'],
    ['Registry/app', 'Registry/app:latest'],
    [`nginx@${digest}`, `docker.io/library/nginx@${digest}`],
    [`gcr.io/a:v1@${digest}`, `gcr.io/a:v1@${digest}`],
  ])('%s is %s', (text, full) => {
    expect(normalizeReference(text)).toBe(full);
  });

  it.each([
    ['', 'invalid reference format'],
    ['nginx:', 'invalid reference format'],
    ['-nginx', 'invalid reference format'],
    ['a//b', 'invalid reference format'],
    ['nginx@sha256:12', 'invalid reference format'],
    ['nginx:a b', 'invalid reference format'],
    ['Nginx', 'repository name must be lowercase'],
    [`a/${'b'.repeat(260)}`, 'must not be more than 255 characters'],
  ])('%j is refused: %s', (text, why) => {
    expect(() => parseReference(text)).toThrow(why);
  });
});
