// What Slack itself checks before it sends a view: required, and of the right shape.

const isEmpty = (v) => v === null || v === undefined || v === '' || (Array.isArray(v) && v.length === 0);

function entered(value) {
  const { type: _type, ...rest } = value ?? {};
  return Object.values(rest)[0];
}

function number(element, text) {
  const n = Number(text);
  if (!Number.isFinite(n) || (!element.is_decimal_allowed && !Number.isInteger(n))) return element.is_decimal_allowed ? 'Enter a number.' : 'Enter a whole number.';
  if (element.min_value !== undefined && n < Number(element.min_value)) return `Must be ${element.min_value} or more.`;
  if (element.max_value !== undefined && n > Number(element.max_value)) return `Must be ${element.max_value} or less.`;
  return null;
}

const SHAPES = {
  number_input: number,
  email_text_input: (_, text) => (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text) ? null : 'Enter an e-mail address.'),
  url_text_input: (_, text) => (URL.canParse(text) && /^https?:/i.test(text) ? null : 'Enter an address that begins with http:// or https://.'),
  plain_text_input: (element, text) => (element.min_length && text.length < element.min_length ? `Enter at least ${element.min_length} characters.` : null),
};

/** Problems by block id: inputs that are empty though required, or of the wrong shape. */
export function missing(blocks, values) {
  const out = {};
  for (const block of blocks) {
    if (block.type !== 'input') continue;
    const value = entered(values[block.block_id]?.[block.element?.action_id]);
    if (isEmpty(value)) {
      if (!block.optional) out[block.block_id] = 'Please complete this required field.';
      continue;
    }
    const problem = SHAPES[block.element.type]?.(block.element, value);
    if (problem) out[block.block_id] = problem;
  }
  return out;
}
