/** The address of one of the server's own paths, such as 'audio/x.mp3', wherever the app is served from. */
export const address = path => new URL(path, document.baseURI).href
