"""Tags as columns of the results' table."""

from ui_support import Client, ShopAnswers


def test_any_tag_is_a_column_of_the_table(read, client: Client, answers: ShopAnswers):
    """Q2: tags of the address stand beside each trace, lead to a search for their value, and are in the file."""
    page = read("/search?view=table&tags=shop.tenant, http.route")
    heads = [head.text for head in page.all("th")]
    assert [text for text in heads if text in {"shop.tenant", "http.route"}] == ["shop.tenant", "http.route"]
    told = page.by_class("tag-value")
    assert [link.text for link in told] == ['a "quoted" one'] * 2
    assert "filter=shop.tenant%3D%22a%20%5C%22quoted%5C%22%20one%22" in told[0].get("href")
    assert [params["tags"] for name, params in answers.asked if name == "search"] == ["shop.tenant,http.route"]
    head = client.get("/search.csv?tags=shop.tenant").text.partition("\r\n")[0]
    assert head.endswith(",error_text,shop.tenant")
