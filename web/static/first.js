// The first screen of the served page goes as soon as the app has its own title, or an error, to show: from then on no
// script and no link can take one text for the other.
const first = document.getElementById('first'), app = document.getElementById('root')
const watch = new MutationObserver(look)

function look() {
  if (!app.querySelector('.stMain :is(h1, [data-testid=stAlert], [data-testid=stException])')) return
  watch.disconnect()
  first.remove()
}
watch.observe(app, { childList: true, subtree: true })
look()
