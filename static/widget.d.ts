/** Types of the custom elements in widget.js and of their events (docs/embedding.md). */

/** `<article-comments article="ID">`: the comments of an article, and the form for a new one. */
interface ArticleCommentsElement extends HTMLElement {}

/** `<comment-count article="ID">`: how many comments an article has. */
interface CommentCountElement extends HTMLElement {}

interface CommentsLoaded {
  article: string;
  /** Approved comments of the article. */
  count: number;
  /** Whether it takes new ones. */
  open: boolean;
}

interface CommentsSubmitted {
  id: string;
  status: "pending";
  receipt_url: string | null;
}

interface CommentsReported {
  /** The comment. */
  id: string;
  reason: "spam" | "abuse" | "personal" | "false" | "other";
}

interface CommentsError {
  /** 0 without an answer. */
  status: number;
  /** A code of the API's problem documents, or "offline" or "unavailable". */
  code: string;
}

interface CommentsEventMap {
  "comments:loaded": CustomEvent<CommentsLoaded>;
  "comments:submitted": CustomEvent<CommentsSubmitted>;
  "comments:reported": CustomEvent<CommentsReported>;
  "comments:error": CustomEvent<CommentsError>;
}

interface HTMLElementTagNameMap {
  "article-comments": ArticleCommentsElement;
  "comment-count": CommentCountElement;
}

interface HTMLElementEventMap extends CommentsEventMap {}
interface DocumentEventMap extends CommentsEventMap {}
interface WindowEventMap extends CommentsEventMap {}
