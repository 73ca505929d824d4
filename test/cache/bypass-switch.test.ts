import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createBypassSwitch } from '../../cache/bypass-switch.js';
import { fakeRuntime, until } from './support/fake-runtime.js';
import { temporaryDirectories } from './support/temporary-directory.js';

const directory = temporaryDirectories();
const ON = /enforcement is bypassed/;
const OFF = /the bypass is over/;

describe('the bypass switch', () => {
  it('is off, silent and without a timer when nobody asks for it', () => {
    const { runtime, clock } = fakeRuntime();
    const bypass = createBypassSwitch({ runtime, fromEnvironment: false });
    expect(bypass.isOn()).toBe(false);
    expect(runtime.lines).toEqual([]);
    expect(clock.pending()).toBe(0);
  });

  it('is on for good with the environment flag, and says so once', () => {
    const { runtime } = fakeRuntime();
    const bypass = createBypassSwitch({ runtime, fromEnvironment: true });
    bypass.set(true);
    bypass.set(false);
    expect(bypass.isOn()).toBe(true);
    expect(runtime.lines).toHaveLength(1);
    expect(runtime.lines[0]).toMatch(ON);
  });

  it('goes on and off with set, and says each once', () => {
    const { runtime } = fakeRuntime();
    const bypass = createBypassSwitch({ runtime, fromEnvironment: false });
    for (const on of [true, true, false, false]) {
      bypass.set(on);
      expect(bypass.isOn()).toBe(on);
    }
    expect(runtime.lines).toHaveLength(2);
    expect(runtime.lines[0]).toMatch(ON);
    expect(runtime.lines[1]).toMatch(OFF);
  });

  it('is on from the first moment when the flag file is there', () => {
    const { runtime } = fakeRuntime();
    const file = join(directory(), 'revenium_bypass');
    writeFileSync(file, '');
    const bypass = createBypassSwitch({ runtime, fromEnvironment: false, file });
    expect(bypass.isOn()).toBe(true);
    bypass.stop();
  });

  it('follows the flag file within a second, and looks at it at no other time', async () => {
    const { runtime, clock } = fakeRuntime();
    const file = join(directory(), 'revenium_bypass');
    const bypass = createBypassSwitch({ runtime, fromEnvironment: false, file });
    writeFileSync(file, 'until the fix is out');
    await clock.advance(999);
    expect(bypass.isOn()).toBe(false);
    await clock.advance(1);
    await until(() => bypass.isOn() && clock.pending() === 1);
    rmSync(file);
    expect(bypass.isOn()).toBe(true);
    await clock.advance(1_000);
    await until(() => !bypass.isOn());
    expect(runtime.lines).toHaveLength(2);
    bypass.stop();
  });

  it('stays on by one source when the other goes', async () => {
    const { runtime, clock } = fakeRuntime();
    const file = join(directory(), 'revenium_bypass');
    writeFileSync(file, '');
    const bypass = createBypassSwitch({ runtime, fromEnvironment: false, file });
    bypass.set(true);
    rmSync(file);
    await clock.advance(1_000);
    await until(() => clock.pending() === 1);
    expect(bypass.isOn()).toBe(true);
    bypass.set(false);
    expect(bypass.isOn()).toBe(false);
    bypass.stop();
  });

  it('takes a flag file below something that is no folder for one that is not there', async () => {
    const { runtime, clock } = fakeRuntime();
    const folder = join(directory(), 'gone');
    writeFileSync(folder, 'a file');
    const bypass = createBypassSwitch({ runtime, fromEnvironment: false, file: join(folder, 'flag') });
    expect(bypass.isOn()).toBe(false);
    rmSync(folder);
    mkdirSync(join(folder, 'flag'), { recursive: true });
    await clock.advance(1_000);
    await until(() => bypass.isOn());
    bypass.stop();
  });

  it('looks no more after stop', async () => {
    const { runtime, clock } = fakeRuntime();
    const bypass = createBypassSwitch({ runtime, fromEnvironment: false, file: join(directory(), 'flag') });
    bypass.stop();
    expect(clock.pending()).toBe(0);
  });
});
