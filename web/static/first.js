// The page appears whole: until the app has its title to show, or has come to an end, and no grey box stands in for a
// control whose script is still on its way, it is laid out unseen (`html.coming`) and nothing that is read moves. The
// first screen, where the page was served with one, is read meanwhile and then goes: no script and no link can take one
// text for the other.
const PATIENCE = 6000 // ms after which what there is is shown
const first = document.getElementById('first'), app = document.getElementById('root')
const watch = new MutationObserver(look)
const late = setTimeout(show, PATIENCE)

function look() {
  if (!app.querySelector('.stMain :is(h1, [data-testid=stException]), [data-test-script-state=notRunning]')) return
  if (!app.querySelector('.stMain [data-testid=stSkeleton]')) show()
}

function show() {
  watch.disconnect()
  clearTimeout(late)
  first?.remove()
  document.documentElement.classList.remove('coming')
}

watch.observe(app, { childList: true, subtree: true, attributeFilter: ['data-test-script-state'] })
look()
