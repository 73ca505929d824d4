/** What an installation has once: its first team, its secrets. */
import { addFirstKeys, ensureFirstTeam, keepSetting } from '../../ledger/first-start.js';

/** Their statements. */
export const SETTING_STATEMENTS = ['insert-setting', 'select-setting'] as const;

/** Operations that change nothing. */
export const settingReads = {} as const;

/** Operations that change something. */
export const settingWrites = { addFirstKeys, ensureFirstTeam, keepSetting } as const;
