// What is remembered in this browser: voice and place by language, speed. Where nothing may be kept, nothing is.
const STORE = 'pradit.player'

export function createStore() {
  let kept = {}
  try {
    kept = JSON.parse(localStorage.getItem(STORE)) ?? {}
  } catch { /* what cannot be read is as good as nothing */ }
  const value = { voices: {}, places: {}, speed: 1, last: '', closed: false }
  for (const name of ['voices', 'places']) if (kept[name] && typeof kept[name] === 'object') value[name] = kept[name]
  if (kept.speed >= 0.5 && kept.speed <= 2.5) value.speed = kept.speed
  if (typeof kept.last === 'string') value.last = kept.last
  value.closed = kept.closed === true
  return {
    value,
    save() {
      try { localStorage.setItem(STORE, JSON.stringify(value)) } catch { /* a full or closed store */ }
    },
  }
}
