// Charts that stand there for the first time, one at a time: those in sight first, each in a moment when the browser has
// nothing else to do, so that a page of many never holds a reader up.

const PATIENCE = { seen: 120, unseen: 2000 } // ms after which a chart is drawn though the browser is busy
const waiting = new Set()
let running

const rest = timeout => new Promise(resolve => {
  if (window.requestIdleCallback) requestIdleCallback(resolve, { timeout })
  else setTimeout(resolve, 16)
})
const inSight = () => [...waiting].find(each => each.seen)

async function run() {
  while (waiting.size) {
    await rest(inSight() ? PATIENCE.seen : PATIENCE.unseen)
    const next = inSight() ?? [...waiting][0]
    waiting.delete(next)
    await next?.draw()
  }
  running = undefined
}

/** Draw a figure (`draw()`, which may be waited for) in its turn; `seen` says whether it is in the window now. */
export function inTurn(figure) {
  waiting.add(figure)
  running ??= run()
}

/** It is gone, or has been drawn. */
export const dropped = figure => waiting.delete(figure)
