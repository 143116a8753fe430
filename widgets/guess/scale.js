// The vertical axis of a curve that is guessed: a value's share of the height, from below, and the value at a share.
export function createScale({ low, high, log }) {
  return {
    share: value => log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low),
    valueAt(part) {
      const inside = Math.min(1, Math.max(0, part))
      return log ? low * (high / low) ** inside : low + (high - low) * inside
    },
  }
}
