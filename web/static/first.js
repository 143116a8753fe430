// The page appears whole: until the app has said all it has to say, and no grey box stands in for a text or a control
// whose script is still on its way, it is laid out unseen (`html.coming`) and nothing that is read moves. The
// first screen, where the page was served with one, is read meanwhile and then goes: no script and no link can take one
// text for the other.
const PATIENCE = 6000 // ms after which what there is is shown
const first = document.getElementById('first'), app = document.getElementById('root')
const watch = new MutationObserver(look)
const late = setTimeout(show, PATIENCE)

function look() {
  if (!app.querySelector('[data-test-script-state=notRunning] .stMain [data-testid=stElementContainer]')) return
  if (!app.querySelector('.stMain :is([data-testid=stSkeleton], [data-testid=stSkeletonElement])')) show()
}

function show() {
  watch.disconnect()
  clearTimeout(late)
  first?.remove()
  document.documentElement.classList.remove('coming')
}

watch.observe(app, { childList: true, subtree: true, attributeFilter: ['data-test-script-state'] })
look()
