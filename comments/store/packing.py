"""How the text of a record is packed: deflate, to which some words that comments are full of are known beforehand.

A comment is too short to be packed by what it repeats itself. With these words before it, it takes half: what a store
holds in memory, writes to its log and sends to a replica.
"""

import zlib

_BITS = -13  # no header, and a window of 8 KiB: the words, and a long comment
_LEVEL, _MEMORY = 3, 4  # more of either gains a hundredth
_MOST = 65_536  # bytes of one text, far more than the longest; what was planted must not fill the memory

# Rare ones first: the nearer the end, the shorter the reference. They are part of the format: with others, nothing
# that was written before can be read.
_WORDS = """
comments people government article should because their there would could think really about which other after
before never every where while still these those even than then them they what when will with your from have
been being much more most only some such that this just like know make need want time good right wrong years
money work world country agree thank you for the great I don't think it's not that is and the of to in are was
it we be on as but all can has lịch sử khoa học thể thao bóng đá cầu thủ trận đấu huấn luyện viên thị trường
ngân hàng doanh nghiệp công ty chính phủ nhà nước pháp luật quy định tai nạn xe máy ô tô đường phố giao thông
môi trường bệnh viện bác sĩ học sinh sinh viên giáo dục giáo viên nhà trường kinh tế giá cả thu nhập tiền bạc
mua bán chất lượng sản phẩm điện thoại máy tính công nghệ thông tin báo chí tòa soạn tác giả bài viết bài báo
bình luận bạn đọc ý kiến quan điểm đồng ý ủng hộ phản đối chia sẻ cảm ơn chúc mừng hy vọng mong rằng xin lỗi đề
nghị cơ quan chức năng xử lý nghiêm trách nhiệm quyền lợi lợi ích xã hội văn hóa gia đình cha mẹ con cái trẻ em
phụ nữ đàn ông anh chị em ông bà cô chú bác hàng xóm thành phố Hà Nội Sài Gòn TP HCM Việt Nam nước ta thế giới
Trung Quốc nước ngoài Mỹ Nhật Hàn Thái Lan châu Âu dân tộc người dân nhân dân cuộc sống hạnh phúc sức khỏe thời
gian ngày tháng năm nay hôm nay hiện nay bây giờ trước đây sau này từ khi lúc nào bao giờ luôn luôn thường xuyên
nhanh chậm cao thấp lớn nhỏ nhiều ít tốt xấu đẹp hay dở khó dễ mới cũ đúng sai thật sự thực tế vấn đề nguyên
nhân kết quả giải pháp biện pháp cách thức phương án kế hoạch dự án đầu tư xây dựng phát triển quản lý kiểm tra
thực hiện sử dụng tạo ra đưa ra trở thành giải quyết thay đổi tăng lên giảm xuống bắt đầu kết thúc tham gia suy
nghĩ hiểu biết tin tưởng yêu thương ghét bỏ tôn trọng giúp đỡ học tập làm việc ăn uống đi lại nói chuyện nghe
thấy nhìn thấy tìm kiếm gặp nhau trả lời hỏi đáp Tại sao Vì sao Thế nào Như thế nào Bao nhiêu Ai cũng Mọi người
Không ai Nếu như Tuy nhiên Nhưng mà Bởi vì Cho nên Do đó Vì vậy Theo tôi Tôi thấy Tôi nghĩ Mình thấy Em nghĩ Các
bạn Chúng ta Đây là Đó là Còn Một Hai Ba Rất Quá Chỉ Khi Có Không Những Với Cho Của Là Và Ở bên cạnh bên trong
bên ngoài ở trên ở dưới phía sau trước mặt gần xa đến nơi về nhà ra đi vào đây qua lại lên xuống hết rồi nữa
thôi mà nhé nhỉ ạ à ơi vậy thế nên thì chắc chắn có lẽ hình như dường như ngay cả thậm chí đặc biệt ví dụ chẳng
hạn nói chung nói thật tóm lại một phần một số một cách một chút một lần hai bên ba người mỗi ngày mỗi năm cả
nước cả hai tất cả mọi thứ mọi việc chuyện này việc này điều này điều đó như vậy như thế như này thế này thế kia
ở đây ở đó lần này lần sau người khác chỉ là chỉ có chỉ cần vẫn còn vẫn có vẫn là đã có đã được đang có đang
được sẽ có sẽ được phải có phải là phải làm cần phải có thể không thể không phải không có không được không biết
không còn chưa có chưa được cũng có cũng không cũng như cũng được rất nhiều rất tốt rất hay quá nhiều hơn nữa
hơn là nhất là trong khi trong đó trong các ngoài ra theo như đối với so với cùng với để cho để có để các cho
các cho người của các của họ của mình của chúng ta của người là người là một là không được các bạn các em các
anh những người những ai mà không thì không nhưng không nếu không người ta người Việt mọi người chúng tôi chúng
ta bản thân tự mình với nhau về việc từ đó do đó vì thế bằng cách đến khi sau khi trước khi làm sao làm gì làm
cho đi làm khi nào gì nữa ai đó đâu có đâu phải bị phạt được không
"""
_FIELDS = (
    '"e":"f":1"p":"w":"https://www."u":"https://"t":"l":"en"{"s":"main","a":"2026-","n":"Trần Lê Phạm Hoàng Nguyễn Thị '
    'Văn ","b":" ","l":"vi","c":17,"r":["links","review"],"o":"'
)
_KNOWN = (" ".join(_WORDS.split()) + _FIELDS).encode()
_PACKER = zlib.compressobj(_LEVEL, zlib.DEFLATED, _BITS, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _KNOWN)


def pack(text: str) -> bytes:
    """The text, packed."""
    packer = _PACKER.copy()
    return packer.compress(text.encode()) + packer.flush()


def unpack(packed: bytes) -> str:
    """What was packed.

    Raises:
        ValueError: it is damaged.
    """
    unpacker = zlib.decompressobj(_BITS, _KNOWN)
    try:
        text = unpacker.decompress(packed, _MOST).decode()
    except zlib.error as error:
        raise ValueError("damaged") from error
    if not unpacker.eof:
        raise ValueError("damaged")
    return text
