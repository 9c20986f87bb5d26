// What a person has entered so far on one surface: Slack's state.values, by block and by action.
import { act } from './act.js';
import { confirmed } from './confirm.js';

/** The value entered for an element so far, or undefined. */
export function entered(surface, block, element) {
  return surface.values[block.block_id]?.[element.action_id];
}

/** Records a value; elements outside inputs (or with dispatch_action) also tell the app at once. */
export async function enter(surface, block, element, value, control) {
  (surface.values[block.block_id] ??= {})[element.action_id] = { type: element.type, ...value };
  if (block.type !== 'input' && (await confirmed(element.confirm))) act(surface, block, element, value, control);
  else if (block.type === 'input' && block.dispatch_action && !element.type.includes('_input')) act(surface, block, element, value, control);
}

/** Records what an element starts with, unless the person already changed it in an earlier form of the view. */
export function begin(surface, block, element, value) {
  const box = (surface.values[block.block_id] ??= {});
  box[element.action_id] ??= { type: element.type, ...value };
  return box[element.action_id];
}
