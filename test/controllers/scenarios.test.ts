/** Each file of `scenarios/` is a story named by what it shows, and the golden file of itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { playStory } from './story.js';

const folder = fileURLToPath(new URL('./scenarios/', import.meta.url));

describe('the story of', () => {
  for (const file of readdirSync(folder).sort()) {
    test(file.replace(/\.txt$/, '').replaceAll('-', ' '), async () => {
      const path = `${folder}${file}`;
      await expect(await playStory(readFileSync(path, 'utf8'))).toMatchFileSnapshot(path);
    });
  }
});
